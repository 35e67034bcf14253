import{b as m}from"./part-OXFRHKAG.js";import{a as n,d as u}from"./part-2FETXVJV.js";import{b as h}from"./part-THRFAO2Q.js";import{a as d,c}from"./part-KRQAAHH3.js";import{a as s,c as l}from"./part-QFVSUMPG.js";var g="contacts?$select=fullname,birthdate&$top=10",f=50,b={exact:"asked of the service",inexact:"asked, and looked at again here",unsupported:"looked at here",related:"asked of related rows",apart:"asked apart"},p=class extends h{constructor(){super(...arguments);this.plan=null;this.rows=[];this.timing=new Map;this.request=null}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),n("/console/").fragment.has("query")&&this.run()}get as(){let{query:t,fragment:e}=n("/console/");return{roles:t.get("roles")??"",claims:e.get("claims")??""}}get headers(){let{roles:t,claims:e}=this.as;return{...t?{"turntable-as-roles":t}:{},...e?{"turntable-as-claims":e}:{}}}get text(){return n("/console/").fragment.get("query")??g}run(){return[this.plan,this.rows]=[null,[]],this.work(async t=>{let e=`${d}/${this.text.trim().replace(/^\/+/,"")}`;this.plan=(await c(e,{signal:t,headers:{...this.headers,prefer:"explain"}})).body;let{body:a,timing:r,request:i}=await c(e,{signal:t,headers:{...this.headers,prefer:`odata.maxpagesize=${f}`}});this.rows=Array.isArray(a.value)?a.value:[a],[this.timing,this.request]=[r,i]})}render(){return s`<h1>Explorer</h1>
      <form @submit=${t=>{t.preventDefault();let e=new FormData(t.target),a=r=>String(e.get(r)??"").trim();u({query:{roles:a("roles")},fragment:{query:a("query"),claims:a("claims")}}),this.run()}}>
        <label for="query" class="quiet">A query, after <code>${d}/</code></label>
        <div class="bar"><textarea id="query" name="query" data-search rows="2" spellcheck="false" class="fill" .value=${this.text}></textarea>
        <button class="primary">Ask</button></div>
        <details class="as" ?open=${this.as.roles!==""}><summary>As somebody else</summary>
          <div class="fields">
            <div class="field"><label for="roles">Roles</label><input id="roles" name="roles" list="built-in" .value=${this.as.roles} placeholder="nurse">
              <datalist id="built-in"><option value="reader"></option><option value="writer"></option><option value="mapper"></option></datalist>
              <p class="note">As the configuration names them, several with commas. Nothing is written.</p></div>
            <div class="field"><label for="claims">Claims</label><input id="claims" name="claims" spellcheck="false" .value=${this.as.claims} placeholder='{"patient":"…"}'>
              <p class="note">A JSON object: what their token would say of them.</p></div>
          </div>
        </details>
      </form>
      ${this.as.roles?s`<p class="note" role="status">This is what callers with the roles <strong>${this.as.roles}</strong> are shown.</p>`:l}
      ${this.state(()=>{this.run()})}
      <div class="split">
        ${this.plan?this.drawn(this.plan):l}
        ${this.timing.size?this.steps():l}
      </div>
      ${this.rows.length?this.table():this.plan&&!this.refusal?s`<div class="empty"><p>No row fits the query.</p></div>`:l}
    `}drawn(t){let e=t.searches??[],a=r=>t[r]===!0?s`<li><span class="badge bad">here</span> ${{sortedHere:"sorted",fullScan:"all rows are read"}[r]}</li>`:l;return s`<section class="card"><h2>How it is answered</h2>
      <p>${t.route==="virtual"?s`<span class="badge virtual">Live from FHIR</span>`:s`<span class="badge native">Kept here</span>`}</p>
      ${e.map(r=>s`
        <p><code>GET ${r.url}</code></p>
        <ul>
          ${r.conditions.map(i=>s`<li><span class="badge ${i.class==="unsupported"?"bad":i.class==="inexact"?"":"good"}">${b[String(i.class)]??String(i.class)}</span>
            <code>${String(i.condition)}</code> ${i.why?s`<small>${String(i.why)}</small>`:l}</li>`)}
          ${r.filteredHere?s`<li><span class="badge bad">here</span> <code>${typeof r.filteredHere=="string"?r.filteredHere:JSON.stringify(r.filteredHere)}</code></li>`:l}
        </ul>`)}
      <ul>${a("sortedHere")}${a("fullScan")}</ul>
      <details class="call"><summary>The whole plan</summary><pre>${JSON.stringify(t,null,2)}</pre></details>
    </section>`}steps(){let t=[...this.timing.values()].reduce((e,a)=>e+a,0);return s`<section class="card"><h2>How long it took</h2>
      <table class="table"><tbody>${[...this.timing].map(([e,a])=>s`<tr><th scope="row">${e}</th><td class="number">${a.toFixed(1)} ms</td>
        <td><meter min="0" max=${t} value=${a} aria-label=${`${e}: ${a} of ${t} ms`}></meter></td></tr>`)}</tbody></table>
      ${this.request?s`<p class="actions"><a class="button" href=${`/console/requests/${this.request}`}>Step by step</a></p>`:l}
    </section>`}table(){let t=[...new Set(this.rows.flatMap(e=>Object.keys(e)))].filter(e=>!e.includes("@"));return s`<div class="grid" tabindex="0"><table aria-label="Rows">
        <thead><tr>${t.map(e=>s`<th scope="col">${e}</th>`)}</tr></thead>
        <tbody>${this.rows.map(e=>s`<tr>${t.map(a=>s`<td>${$(e[a])}</td>`)}</tr>`)}</tbody>
      </table></div><p class="quiet foot">${m(this.rows.length,"row")}</p>`}};function $(o){return o==null?"":typeof o=="object"?JSON.stringify(o):String(o)}customElements.define("console-explorer",p);
