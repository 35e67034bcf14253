import{a}from"./part-EHNORCNI.js";export{a as Editor};
