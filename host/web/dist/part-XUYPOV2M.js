function e(n){return n.replace(/^sha256:/,"").slice(0,12)}export{e as a};
