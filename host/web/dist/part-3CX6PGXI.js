import{a as x,b as S,c as T}from"./part-NX2RHDAS.js";import{a as E,b as R}from"./part-OXFRHKAG.js";import{b as w}from"./part-NOHHNR6P.js";import{a as o,b as c,d as v,k as y,m as g,n as $}from"./part-F2LQ2LJV.js";var m=36,p=12,b=class extends v{constructor(){super();this.at=0;this.from=0;this.many=60;this.rows=[],this.columns=[],this.sorted=null,this.marked=new Set,this.markable=!1,this.label="Rows"}static{this.properties={table:{attribute:!1},columns:{attribute:!1},rows:{attribute:!1},sorted:{attribute:!1},marked:{attribute:!1},markable:{type:Boolean},href:{attribute:!1},label:{}}}createRenderRoot(){return this}willUpdate(t){t.has("rows")&&(this.at=Math.min(this.at,Math.max(this.rows.length-1,0)))}render(){let t=Math.max(Math.min(this.from,this.rows.length-1),0),e=this.rows.slice(t,t+this.many),r=this.rows.length-t-e.length,s=this.columns.length+(this.markable?1:0),l=n=>n>0?o`<tr aria-hidden="true"><td class="space" colspan=${s} .style=${`height:${n*m}px`}></td></tr>`:c;return o`<div class="grid" @scroll=${this.scrolled} tabindex="-1">
      <table role="grid" aria-label=${this.label} aria-rowcount=${this.rows.length+1}>
        <thead>
          <tr aria-rowindex="1">
            ${this.markable?o`<th class="mark"><input type="checkbox" aria-label="Mark all" .checked=${this.marked.size>0&&this.marked.size===this.rows.length} @change=${this.markAll}></th>`:c}
            ${this.columns.map(n=>this.head(n))}
          </tr>
        </thead>
        <tbody @keydown=${this.key}>
          ${l(t)}
          ${e.map((n,d)=>this.row(n,t+d))}
          ${l(r)}
        </tbody>
      </table>
    </div>`}head(t){let e=this.sorted?.column===t.property?this.sorted:null,r=e?e.descending?"descending":"ascending":"none";return o`<th scope="col" aria-sort=${r} class=${M(t)?"number":c}>
      <button class="head" title=${t.description||c} @click=${()=>this.sort(t,e)}>
        ${t.label}<span aria-hidden="true">${e?e.descending?" ↓":" ↑":""}</span>
      </button>
    </th>`}row(t,e){let r=String(t[this.table.key]),s=this.columns[0];return o`<tr aria-rowindex=${e+2} aria-selected=${this.markable?String(this.marked.has(r)):c}>
      ${this.markable?o`<td class="mark"><input type="checkbox" tabindex="-1" aria-label="Mark this row" .checked=${this.marked.has(r)} @change=${()=>this.mark(r)}></td>`:c}
      ${this.columns.map(l=>{let{text:n,title:d}=E(l,t),u=l===s?o`<a href=${this.href(t)} data-row=${e} tabindex=${e===this.at?0:-1}>${n||"(no name)"}</a>`:n;return o`<td title=${d||c} class=${M(l)?"number":c}>${u}</td>`})}
    </tr>`}sort(t,e){let r={column:t.property,descending:e!==null&&!e.descending};this.dispatchEvent(new CustomEvent("sorted",{detail:r}))}mark(t){let e=new Set(this.marked);e.delete(t)||e.add(t),this.dispatchEvent(new CustomEvent("marked",{detail:e}))}markAll(t){let e=t.target.checked?this.rows.map(r=>String(r[this.table.key])):[];this.dispatchEvent(new CustomEvent("marked",{detail:new Set(e)}))}scrolled(t){let e=t.target,r=Math.max(Math.floor(e.scrollTop/m)-p,0),s=Math.ceil(e.clientHeight/m)+2*p;e.scrollTop+e.clientHeight>e.scrollHeight-4*m&&this.dispatchEvent(new CustomEvent("end")),(r!==this.from||s!==this.many)&&([this.from,this.many]=[r,s],this.requestUpdate())}key(t){let e={ArrowDown:1,ArrowUp:-1,PageDown:10,PageUp:-10,Home:-1/0,End:1/0}[t.key];if(e!==void 0)t.preventDefault(),this.move(Math.min(Math.max(this.at+e,0),this.rows.length-1));else if(t.key===" "&&this.markable){t.preventDefault();let r=this.rows[this.at];r&&this.mark(String(r[this.table.key]))}}async move(t){this.at=t;let e=this.querySelector(".grid");e&&(t*m<e.scrollTop||(t+2)*m>e.scrollTop+e.clientHeight)&&(e.scrollTop=Math.max((t+2)*m-e.clientHeight,0),this.from=Math.max(t-this.many+p,Math.floor(e.scrollTop/m)-p,0)),this.requestUpdate(),await this.updateComplete,this.querySelector(`[data-row="${t}"]`)?.focus({preventScroll:!0})}};function M(a){return["Decimal","Integer","BigInt","Double"].includes(a.kind)}customElements.define("tt-grid",b);function C(a){let{columns:i,table:t}=a,e=i.filter(n=>n.name===t.title),r=i.filter(n=>n.name!==t.title&&k(n)>0);r.sort((n,d)=>k(d)-k(n)||i.indexOf(n)-i.indexOf(d));let s=I(r).slice(0,6-e.length);s.sort((n,d)=>i.indexOf(n)-i.indexOf(d));let l=[...e,...s];return l.length?l:i.slice(0,6)}function I(a){let i={DateTime:1,Decimal:1,Lookup:2,Picklist:2},t=new Map,[e,r]=[[],[]];for(let s of a){let l=(t.get(s.kind)??0)+1;t.set(s.kind,l),(l<=(i[s.kind]??1)?e:r).push(s)}return[...e,...r.filter(s=>s.required)]}function k(a){return a.kind==="Key"||/(system|version|url|number|identifier)$|azurefhir/.test(a.name)?0:({Lookup:2,Picklist:3,DateTime:4,Decimal:3,String:1,Boolean:1,Integer:2}[a.kind]??0)+(a.required?4:0)}function N(a,i){if(!i)return C(a);let t=i.split(",").flatMap(e=>a.columns.filter(r=>r.property===e));return t.length?t:C(a)}function B(a){return a==="virtual"?o`<span class="badge virtual" title="Read from the FHIR service as you look, and written straight back">Live from FHIR</span>`:o`<span class="badge native" title="Kept in this server's own store">Kept here</span>`}function z({table:a},i,t){let[e,r]=[-1,null],s=n=>`${y}/${a.set}(${String(n[a.key])})`,l=async(n,d)=>{for(r=null,e=0;e<i.length;e++){d();let u=i[e],h=u["@odata.etag"];try{await $(s(u),{method:"DELETE",headers:typeof h=="string"?{"if-match":h}:{}})}catch(f){r=f instanceof g?f:new g(0,"Page",String(f)),i=i.slice(e),e=-1,d();return}}n(),t()};x(i.length===1?"Delete this row?":`Delete ${R(i.length,"row")}?`,(n,d)=>{let u=h=>a.title&&h[a.title]!=null?String(h[a.title]):String(h[a.key]);return o`
      <ul>${i.slice(0,10).map(h=>o`<li>${u(h)}</li>`)}${i.length>10?o`<li>and ${i.length-10} more</li>`:c}</ul>
      <p>This cannot be undone here. Where the rows live in a FHIR service, it decides what remains of them.</p>
      ${r?w(r):c}
      ${T(i.map(h=>S("DELETE",s(h))).join(`
`))}
      <p class="actions">
        <button class="primary danger" ?disabled=${e>=0} @click=${()=>{l(n,d)}}>${e>=0?`${e+1} of ${i.length} …`:"Delete"}</button>
        <button class="plain" @click=${n}>Keep</button>
      </p>`})}export{C as a,N as b,B as c,z as d};
