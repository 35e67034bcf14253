import{a as c,d as u}from"./part-2FETXVJV.js";import{b as h}from"./part-OXFRHKAG.js";import{a as m}from"./part-NOHHNR6P.js";import{a as t,b as l,k as n,n as d}from"./part-F2LQ2LJV.js";var f="contacts?$select=fullname,birthdate&$top=10",$=50,p=class extends m{constructor(){super(...arguments);this.plan=null;this.rows=[];this.timing=new Map}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),c("/console/").fragment.has("query")&&this.run()}get text(){return c("/console/").fragment.get("query")??f}run(){return[this.plan,this.rows]=[null,[]],this.work(async r=>{let e=`${n}/${this.text.trim().replace(/^\/+/,"")}`;this.plan=(await d(e,{signal:r,headers:{prefer:"explain"}})).body;let{body:s,timing:a}=await d(e,{signal:r,headers:{prefer:`odata.maxpagesize=${$}`}});this.rows=Array.isArray(s.value)?s.value:[s],this.timing=a})}render(){return t`<h1>Explorer</h1>
      <form @submit=${r=>{r.preventDefault();let e=String(new FormData(r.target).get("query"));u({fragment:{query:e}}),this.run()}}>
        <label for="query" class="quiet">A query, after <code>${n}/</code></label>
        <div class="bar"><textarea id="query" name="query" data-search rows="2" spellcheck="false" class="fill" .value=${this.text}></textarea>
        <button class="primary">Ask</button></div>
      </form>
      ${this.state(()=>{this.run()})}
      <div class="split">
        ${this.plan?this.drawn(this.plan):l}
        ${this.timing.size?this.steps():l}
      </div>
      ${this.rows.length?this.table():this.plan&&!this.refusal?t`<div class="empty"><p>No row fits the query.</p></div>`:l}
    `}drawn(r){let e=r.searches??[],s=a=>r[a]===!0?t`<li><span class="badge bad">here</span> ${{sortedHere:"sorted",fullScan:"all rows are read"}[a]}</li>`:l;return t`<section class="card"><h2>How it is answered</h2>
      <p>${r.route==="virtual"?t`<span class="badge virtual">Live from FHIR</span>`:t`<span class="badge native">Kept here</span>`}</p>
      ${e.map(a=>t`
        <p><code>GET ${a.url}</code></p>
        <ul>
          ${a.conditions.map(i=>t`<li><span class="badge ${i.class==="exact"?"good":"bad"}">${i.class==="exact"?"asked of the service":String(i.class??"here")}</span>
            <code>${String(i.condition??i.filter??"")}</code> ${i.reason?t`<small>${String(i.reason)}</small>`:l}</li>`)}
          ${a.filteredHere?t`<li><span class="badge bad">here</span> <code>${typeof a.filteredHere=="string"?a.filteredHere:JSON.stringify(a.filteredHere)}</code></li>`:l}
        </ul>`)}
      <ul>${s("sortedHere")}${s("fullScan")}</ul>
      <details class="call"><summary>The whole plan</summary><pre>${JSON.stringify(r,null,2)}</pre></details>
    </section>`}steps(){let r=[...this.timing.values()].reduce((e,s)=>e+s,0);return t`<section class="card"><h2>How long it took</h2>
      <table class="table"><tbody>${[...this.timing].map(([e,s])=>t`<tr><th scope="row">${e}</th><td class="number">${s.toFixed(1)} ms</td>
        <td><meter min="0" max=${r} value=${s} aria-label=${`${e}: ${s} of ${r} ms`}></meter></td></tr>`)}</tbody></table>
    </section>`}table(){let r=[...new Set(this.rows.flatMap(e=>Object.keys(e)))].filter(e=>!e.includes("@"));return t`<div class="grid" tabindex="0"><table aria-label="Rows">
        <thead><tr>${r.map(e=>t`<th scope="col">${e}</th>`)}</tr></thead>
        <tbody>${this.rows.map(e=>t`<tr>${r.map(s=>t`<td>${g(e[s])}</td>`)}</tr>`)}</tbody>
      </table></div><p class="quiet foot">${h(this.rows.length,"row")}</p>`}};function g(o){return o==null?"":typeof o=="object"?JSON.stringify(o):String(o)}customElements.define("console-explorer",p);
