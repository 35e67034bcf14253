import{a as i,c as r}from"./part-F2LQ2LJV.js";function d(e,n){let t=document.createElement("dialog");t.setAttribute("aria-labelledby","dialog-title");let l=()=>t.close(),o=()=>r(i`<h2 id="dialog-title">${e}</h2>${n(l,o)}`,t);t.addEventListener("close",()=>t.remove()),document.body.append(t),o(),t.showModal()}function p(e,n,t){let l=new URL(n,window.location.origin).href,o=s=>`'${s.replaceAll("'","'\\''")}'`,a=t===void 0?"":` -H 'Content-Type: application/json' -d ${o(t)}`;return`curl -X ${e} ${o(l)}${a}`}function u(e){return i`<details class="call"><summary>The call that does it</summary>
    <pre>${e}</pre>
    <button type="button" class="plain" @click=${()=>{navigator.clipboard.writeText(e)}}>Copy</button>
  </details>`}export{d as a,p as b,u as c};
