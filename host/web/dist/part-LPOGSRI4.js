import"./part-EHNORCNI.js";import{b as J}from"./part-K4A42MDS.js";import{b as k,c as x}from"./part-ZD4QJIED.js";import{b as y}from"./part-OXFRHKAG.js";import{a as p,d as m}from"./part-2FETXVJV.js";import{b as N}from"./part-THRFAO2Q.js";import{a as T,b as g,c as h,f as S}from"./part-KRQAAHH3.js";import{a as r,c as l,f as v}from"./part-QFVSUMPG.js";function*R(c,d="",e=0,t="",n=!1){let s=t===""?"":`${JSON.stringify(t)}: `,i=n?",":"";if(c===null||typeof c!="object"){yield{pointer:d,depth:e,text:`${s}${JSON.stringify(c)}${i}`};return}let a=Array.isArray(c),o=Object.entries(c);yield{pointer:d,depth:e,text:`${s}${a?"[":"{"}`};for(let[u,[b,L]]of o.entries()){let C=`${d}/${b.replaceAll("~","~0").replaceAll("/","~1")}`;yield*R(L,C,e+1,a?"":b,u+1<o.length)}yield{pointer:d,depth:e,text:`${a?"]":"}"}${i}`}}function O(c,d){return r`<pre class="tree" tabindex="0">${[...R(c)].map(({pointer:e,depth:t,text:n})=>r`<span class=${d(e)} data-pointer=${e} .style=${`padding-left:${t*16}px`}>${n}</span>`)}</pre>`}function f(c,d){return c===d||c.startsWith(`${d}/`)}var E=500,P=`{
  "resourceType": "Patient",
  "id": "example",
  "name": [{ "use": "official", "family": "Chalmers", "given": ["Peter", "James"] }],
  "gender": "male",
  "birthDate": "1974-12-25",
  "extension": [{ "url": "https://example.org/eye-colour", "valueString": "brown" }]
}`,$={yaml:"A mapping in YAML, as typed",view:"A SQL-on-FHIR view, as typed"},w=class extends N{constructor(){super(...arguments);this.versions=[];this.tried=null;this.resource=null;this.wrong=null;this.chosen=null;this.row=null;this.rest=0}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.begin()}async begin(){await this.work(async t=>{this.versions=(await h(`${g}/mappings`,{signal:t})).body.mappings,await this.ofRow(t)})&&await this.run()}async ofRow(e){let{query:t,fragment:n}=p("/console/"),[s,i]=[t.get("table"),t.get("row")];if(!s||!i||n.has("resource"))return;let{body:a}=await h(`${g}/origin${S({table:s,key:i})}`,{signal:e}),{body:o}=await h(`${T}/msind_RetrieveBundle`,{method:"POST",body:{msind_FHIRQuery:a.resource},signal:e});if(typeof o.msind_JSON!="string")throw new v(404,"NotFound",`The resource ${a.resource} is not there any more.`,null,"Load the row anew.");let u=JSON.stringify(JSON.parse(o.msind_JSON),null,2);m({query:{with:a.mapping.digest},fragment:{resource:u}}),this.row={table:s,key:a.rowKey}}get text(){return p("/console/").fragment.get("resource")??P}get code(){return p("/console/").fragment.get("code")??""}get with_(){return p("/console/").query.get("with")??this.versions.find(e=>e.name==="contact"&&e.activeFor.length)?.digest??this.versions[0]?.digest??""}get language(){return this.with_ in $?this.with_:null}get body(){return{...this.language?{[this.language]:this.code}:{digest:this.with_},resource:this.resource}}async run(){try{[this.resource,this.wrong]=[JSON.parse(this.text),null]}catch(e){this.wrong=e instanceof Error?e.message:String(e),this.requestUpdate();return}await this.work(async e=>{let{body:t}=await h(`${g}/mappings/try`,{method:"POST",body:this.body,signal:e});[this.tried,this.chosen]=[t,null]})}typed(e,{detail:t}){m({fragment:{[e]:t}}),window.clearTimeout(this.rest),this.rest=window.setTimeout(()=>{this.run()},E)}render(){let{tried:e,language:t}=this;return r`<h1>Playground</h1>
      <p class="quiet">FHIR on the left, its rows on the right, and what would be lost on the way back. Nothing is stored.</p>
      <div class="bar"><label>With
        <select @change=${n=>{m({query:{with:n.target.value}}),this.run()}}>
          ${Object.entries($).map(([n,s])=>r`<option value=${n} ?selected=${n===t}>${s}</option>`)}
          ${this.versions.map(n=>r`<option value=${n.digest} ?selected=${n.digest===this.with_}>${n.name} ${n.version} (${J(n.digest)})${n.activeFor.length?", in force":""}</option>`)}
        </select></label>
      </div>
      ${t?this.editor(e):l}
      <div class="split">
        <section class="card"><h2>FHIR</h2>
          <tt-editor language="json" label="A resource" .value=${this.text} @typed=${n=>this.typed("resource",n)}></tt-editor>
          <p class="error" role="status">${this.wrong?`This is no JSON yet: ${this.wrong}`:""}</p>
          ${e?.back&&!this.wrong?this.way(e):l}
        </section>
        <section class="card"><h2>Rows</h2>
          ${this.state(()=>{this.run()})}
          ${e&&!this.refusal?this.rows(e):l}
        </section>
      </div>
      ${this.wrong===null?x(k("POST",`${g}/mappings/try`,JSON.stringify(this.body))):l}
    `}editor(e){return r`<section class="card"><h2>${$[this.language??"yaml"]}</h2>
      ${this.language==="view"?r`<tt-editor language="json" label="The mapping" .value=${this.code} .notes=${e?.notes??[]} @typed=${t=>this.typed("code",t)}></tt-editor>`:r`<tt-editor language="yaml" label="The mapping" .value=${this.code} .notes=${e?.notes??[]} @typed=${t=>this.typed("code",t)}></tt-editor>`}
      <div role="status"><ul>${(e?.notes??[]).map(t=>r`<li class=${t.severity==="error"?"error":l}>line ${t.line}, column ${t.column}: ${t.message}${t.hint?r` <small>${t.hint}</small>`:l}</li>`)}</ul></div>
    </section>`}way({back:e}){if(!e)return l;let{differences:t}=e,n=t.filter(i=>i.change!=="added"),s=i=>{let a=n.find(u=>f(i,u.path))?.change??"",o=this.chosen?.from.some(u=>f(i,u))?" from":"";return`${a}${o}`};return r`<h2>There and back</h2>
      <p>${n.length?r`<span class="badge bad">${y(n.length,"difference")}</span> What is red is in no row. A change of an existing resource keeps it; a new one would be without it.`:r`<span class="badge good">Nothing is lost</span>`}</p>
      ${O(this.resource,s)}
      ${t.length?r`<ul>${t.map(i=>r`<li><code>${i.path}</code> ${i.change}${i.change==="changed"?r`: <code>${JSON.stringify(i.before)}</code> becomes <code>${JSON.stringify(i.after)}</code>`:l}</li>`)}</ul>`:l}
      ${A(e.issues)}`}rows(e){let t=(s,i)=>this.row?.table===s&&this.row.key===i,n=e.tables.filter(s=>s.rows.length).sort((s,i)=>+(i.table===this.row?.table)-+(s.table===this.row?.table)).map(s=>({...s,rows:[...s.rows].sort((i,a)=>Number(t(s.table,a.key))-Number(t(s.table,i.key)))}));return e.mapping?n.length?r`${n.map(s=>{let i=a=>s.columns.find(o=>o.name===a);return r`<h3>${s.label} <small>${s.table}, ${y(s.rows.length,"row")}</small></h3>
        ${s.rows.map(a=>r`<table class="table cells"><tbody>
          ${a.cells.map(o=>r`<tr class=${o===this.chosen?"from":l}>
            <th scope="row" title=${i(o.column)?.path??l}>${i(o.column)?.label??o.column}<br><small>${o.column}</small></th>
            <td>${o.from.length?r`<button class="plain" title="Show where it comes from" @click=${()=>{this.lead(o)}}>${o.label??o.text}</button>`:o.label??o.text}${o.label?r` <small>${o.text}</small>`:l}</td>
          </tr>`)}
        </tbody></table>`)}
        ${A(s.issues)}`})}`:r`<p class="quiet">This resource gives no rows: it is of another type than the mapping reads, or has nothing that a column shows.</p>`:r`<p class="quiet">The mapping is not right yet: what is wrong stands below it.</p>`}async lead(e){this.chosen=e===this.chosen?null:e,this.requestUpdate(),await this.updateComplete,this.querySelector(".tree .from")?.scrollIntoView({block:"nearest"})}};function A(c){return c.length?r`<ul>${c.map(d=>r`<li class=${d.severity==="error"?"error":l}>${d.column?r`<code>${d.column}</code>: `:l}${d.message}</li>`)}</ul>`:l}customElements.define("console-playground",w);
