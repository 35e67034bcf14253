import{a}from"./part-2325G6WO.js";import"./part-K4A42MDS.js";import"./part-2FETXVJV.js";import"./part-5HGZCAG5.js";import"./part-B7JCZR4D.js";import"./part-KSU2KHNH.js";export{a as answered};
