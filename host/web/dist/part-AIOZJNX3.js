import{a as g,d as m}from"./part-2FETXVJV.js";import{a as S}from"./part-XUYPOV2M.js";import{b as T,c as x}from"./part-NX2RHDAS.js";import{b as y}from"./part-OXFRHKAG.js";import{a as w}from"./part-NOHHNR6P.js";import{a as r,b as a,l as h,n as p}from"./part-F2LQ2LJV.js";function*J(l,o="",e=0,s="",t=!1){let d=s===""?"":`${JSON.stringify(s)}: `,i=t?",":"";if(l===null||typeof l!="object"){yield{pointer:o,depth:e,text:`${d}${JSON.stringify(l)}${i}`};return}let n=Array.isArray(l),u=Object.entries(l);yield{pointer:o,depth:e,text:`${d}${n?"[":"{"}`};for(let[c,[v,L]]of u.entries()){let N=`${o}/${v.replaceAll("~","~0").replaceAll("/","~1")}`;yield*J(L,N,e+1,n?"":v,c+1<u.length)}yield{pointer:o,depth:e,text:`${n?"]":"}"}${i}`}}function k(l,o){return r`<pre class="tree" tabindex="0">${[...J(l)].map(({pointer:e,depth:s,text:t})=>r`<span class=${o(e)} data-pointer=${e} .style=${`padding-left:${s*16}px`}>${t}</span>`)}</pre>`}function f(l,o){return l===o||l.startsWith(`${o}/`)}var R=500,E=`{
  "resourceType": "Patient",
  "id": "example",
  "name": [{ "use": "official", "family": "Chalmers", "given": ["Peter", "James"] }],
  "gender": "male",
  "birthDate": "1974-12-25",
  "extension": [{ "url": "https://example.org/eye-colour", "valueString": "brown" }]
}`,$={yaml:"A mapping in YAML, as typed",view:"A SQL-on-FHIR view, as typed"},b=class extends w{constructor(){super(...arguments);this.versions=[];this.tried=null;this.resource=null;this.wrong=null;this.chosen=null;this.rest=0}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.begin()}async begin(){await this.work(async s=>{this.versions=(await p(`${h}/mappings`,{signal:s})).body.mappings})&&await this.run()}get text(){return g("/console/").fragment.get("resource")??E}get code(){return g("/console/").fragment.get("code")??""}get with_(){return g("/console/").query.get("with")??this.versions.find(e=>e.name==="contact"&&e.activeFor.length)?.digest??this.versions[0]?.digest??""}get language(){return this.with_ in $?this.with_:null}get body(){return{...this.language?{[this.language]:this.code}:{digest:this.with_},resource:this.resource}}async run(){try{[this.resource,this.wrong]=[JSON.parse(this.text),null]}catch(e){this.wrong=e instanceof Error?e.message:String(e),this.requestUpdate();return}await this.work(async e=>{let{body:s}=await p(`${h}/mappings/try`,{method:"POST",body:this.body,signal:e});[this.tried,this.chosen]=[s,null]})}typed(e,s){m({fragment:{[e]:s.target.value}}),window.clearTimeout(this.rest),this.rest=window.setTimeout(()=>{this.run()},R)}render(){let{tried:e,language:s}=this;return r`<h1>Playground</h1>
      <p class="quiet">FHIR on the left, its rows on the right, and what would be lost on the way back. Nothing is stored.</p>
      <div class="bar"><label>With
        <select @change=${t=>{m({query:{with:t.target.value}}),this.run()}}>
          ${Object.entries($).map(([t,d])=>r`<option value=${t} ?selected=${t===s}>${d}</option>`)}
          ${this.versions.map(t=>r`<option value=${t.digest} ?selected=${t.digest===this.with_}>${t.name} ${t.version} (${S(t.digest)})${t.activeFor.length?", in force":""}</option>`)}
        </select></label>
      </div>
      ${s?this.editor(e):a}
      <div class="split">
        <section class="card"><h2>FHIR</h2>
          <label class="quiet" for="resource">A resource</label>
          <textarea id="resource" class="code" rows="14" spellcheck="false" aria-invalid=${this.wrong?"true":a} aria-describedby="resource-wrong" .value=${this.text} @input=${t=>this.typed("resource",t)}></textarea>
          <p class="error" id="resource-wrong" role="status">${this.wrong?`This is no JSON yet: ${this.wrong}`:""}</p>
          ${e?.back&&!this.wrong?this.way(e):a}
        </section>
        <section class="card"><h2>Rows</h2>
          ${this.state(()=>{this.run()})}
          ${e&&!this.refusal?this.rows(e):a}
        </section>
      </div>
      ${this.wrong===null?x(T("POST",`${h}/mappings/try`,JSON.stringify(this.body))):a}
    `}editor(e){return r`<section class="card"><h2>${$[this.language??"yaml"]}</h2>
      <textarea class="code" rows="12" spellcheck="false" aria-label="The mapping" .value=${this.code} @input=${s=>this.typed("code",s)}></textarea>
      <div role="status"><ul>${(e?.notes??[]).map(s=>r`<li class=${s.severity==="error"?"error":a}>line ${s.line}, column ${s.column}: ${s.message}${s.hint?r` <small>${s.hint}</small>`:a}</li>`)}</ul></div>
    </section>`}way({back:e}){if(!e)return a;let{differences:s}=e,t=s.filter(i=>i.change!=="added"),d=i=>{let n=t.find(c=>f(i,c.path))?.change??"",u=this.chosen?.from.some(c=>f(i,c))?" from":"";return`${n}${u}`};return r`<h2>There and back</h2>
      <p>${t.length?r`<span class="badge bad">${y(t.length,"difference")}</span> What is red is in no row. A change of an existing resource keeps it; a new one would be without it.`:r`<span class="badge good">Nothing is lost</span>`}</p>
      ${k(this.resource,d)}
      ${s.length?r`<ul>${s.map(i=>r`<li><code>${i.path}</code> ${i.change}${i.change==="changed"?r`: <code>${JSON.stringify(i.before)}</code> becomes <code>${JSON.stringify(i.after)}</code>`:a}</li>`)}</ul>`:a}
      ${A(e.issues)}`}rows(e){let s=e.tables.filter(t=>t.rows.length);return e.mapping?s.length?r`${s.map(t=>{let d=i=>t.columns.find(n=>n.name===i);return r`<h3>${t.label} <small>${t.table}, ${y(t.rows.length,"row")}</small></h3>
        ${t.rows.map(i=>r`<table class="table cells"><tbody>
          ${i.cells.map(n=>r`<tr class=${n===this.chosen?"from":a}>
            <th scope="row" title=${d(n.column)?.path??a}>${d(n.column)?.label??n.column}<br><small>${n.column}</small></th>
            <td>${n.from.length?r`<button class="plain" title="Show where it comes from" @click=${()=>{this.lead(n)}}>${n.label??n.text}</button>`:n.label??n.text}${n.label?r` <small>${n.text}</small>`:a}</td>
          </tr>`)}
        </tbody></table>`)}
        ${A(t.issues)}`})}`:r`<p class="quiet">This resource gives no rows: it is of another type than the mapping reads, or has nothing that a column shows.</p>`:r`<p class="quiet">The mapping is not right yet: what is wrong stands below it.</p>`}async lead(e){this.chosen=e===this.chosen?null:e,this.requestUpdate(),await this.updateComplete,this.querySelector(".tree .from")?.scrollIntoView({block:"nearest"})}};function A(l){return l.length?r`<ul>${l.map(o=>r`<li class=${o.severity==="error"?"error":a}>${o.column?r`<code>${o.column}</code>: `:a}${o.message}</li>`)}</ul>`:a}customElements.define("console-playground",b);
