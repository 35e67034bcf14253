import{a}from"./part-RCH2DW4D.js";import"./part-HQAGZBRA.js";import"./part-2FETXVJV.js";import"./part-OGARQADM.js";import"./part-NJ5OCB5B.js";import"./part-RLODHPJ5.js";export{a as answered};
