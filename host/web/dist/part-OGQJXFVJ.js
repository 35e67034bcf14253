import{a}from"./part-3HZTQKD7.js";import"./part-K4A42MDS.js";import"./part-2FETXVJV.js";import"./part-THRFAO2Q.js";import"./part-KRQAAHH3.js";import"./part-QFVSUMPG.js";export{a as answered};
