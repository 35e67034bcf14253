import{a as h,d as c}from"./part-2FETXVJV.js";import{a as $}from"./part-DK4K6RFT.js";import{a as v}from"./part-XUYPOV2M.js";import{b as m,c as f}from"./part-NX2RHDAS.js";import{b as l}from"./part-OXFRHKAG.js";import{a as u,b as g}from"./part-NOHHNR6P.js";import{a as t,b as i,l as o,m as r,n}from"./part-F2LQ2LJV.js";var p=class extends u{constructor(){super(...arguments);this.all=[];this.open=null;this.opened="";this.fresh=null;this.refusedLoad=null;this.loading="";this.over=!1}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.load()}willUpdate(){let e=h("/console/").query.get("version")??"";e!==this.opened&&(this.opened=e,this.load())}load(){return this.work(async e=>{this.all=(await n(`${o}/mappings`,{signal:e})).body.mappings,this.open=this.opened?(await n(`${o}/mappings/${this.opened}`,{signal:e})).body:null})}async take(e){if(e){[this.loading,this.refusedLoad,this.fresh]=[e.name,null,null],this.requestUpdate();try{let{body:a}=await n(`${o}/mappings`,{method:"POST",body:e,headers:{"content-type":"application/wasm"}});this.fresh=a,await this.load()}catch(a){this.refusedLoad=a instanceof r?a:new r(0,"Page",String(a))}this.loading="",this.requestUpdate()}}render(){return t`
      <h1>Mappings</h1>
      <p class="quiet">A mapping decides how FHIR becomes rows, and rows become FHIR. A new version passes a gate before it can be put in force.</p>
      <div class="drop ${this.over?"over":""}"
        @dragover=${e=>{e.preventDefault(),this.over=!0,this.requestUpdate()}}
        @dragleave=${()=>{this.over=!1,this.requestUpdate()}}
        @drop=${e=>{e.preventDefault(),this.over=!1,this.take(e.dataTransfer?.files[0])}}>
        ${this.loading?t`<p role="status">The gate tries ${this.loading} …</p>`:t`<p>Drop a component (<code>.wasm</code>) here, or</p>
              <label class="button">Choose a file<input type="file" accept=".wasm,application/wasm" hidden @change=${e=>{let a=e.target;this.take(a.files?.[0]),a.value=""}}></label>`}
      </div>
      ${f(`turntable load mapping.wasm
${m("POST",`${o}/mappings`)} -H 'Content-Type: application/wasm' --data-binary @mapping.wasm`)}
      ${this.refusedLoad?t`<h2>Refused at the gate</h2>${g(this.refusedLoad)}<p>Nothing has changed: what is in force goes on. Put right what is named, build, and drop it again.</p>`:i}
      ${this.fresh?t`<section class="card" role="status"><h2>Loaded: ${this.fresh.name} ${this.fresh.version}</h2>${this.version(this.fresh)}</section>`:i}
      ${this.state(()=>{this.load()})}
      ${this.open?t`<section class="card"><h2>${this.open.name} ${this.open.version}</h2>${this.version(this.open)}</section>`:i}
      <h2>${l(this.all.length,"version")}</h2>
      <div class="grid" tabindex="0"><table aria-label="Versions">
        <thead><tr><th scope="col">Mapping</th><th scope="col">Version</th><th scope="col">Digest</th><th scope="col">In force for</th><th scope="col">Loaded</th></tr></thead>
        <tbody>${this.all.map(e=>t`<tr>
          <td><button class="plain" @click=${()=>c({query:{version:e.digest}})}>${e.name}</button></td><td>${e.version}</td><td><code>${v(e.digest)}</code></td>
          <td>${e.activeFor.length?l(e.activeFor.length,"table"):"none"}</td><td>${new Date(e.uploadedAt).toLocaleString()} by ${e.uploadedBy}</td>
        </tr>`)}</tbody>
      </table></div>
    `}version(e){let a=e.checks??e.report?.checks??[],d=e.tables[0],b=this.all.find(s=>s.digest===e.digest)?.activeFor.length??0;return t`
      <dl class="facts">
        <dt>Digest</dt><dd><code>${e.digest}</code></dd>
        <dt>Tables</dt><dd>${e.tables.join(", ")}</dd>
      </dl>
      <h2>What the gate found</h2>
      <ul>${a.map(s=>t`<li><span class="badge ${s.passed?"good":"bad"}">${s.passed?"passed":"failed"}</span> <strong>${s.name}</strong>
        ${s.findings.length?t`<ul>${s.findings.map(y=>t`<li>${y}</li>`)}</ul>`:i}</li>`)}</ul>
      ${d&&!b?t`<p class="actions"><button class="primary" @click=${()=>$({name:d,label:d},e,()=>{this.load()})}>Put in force …</button></p>`:i}
    `}};customElements.define("console-mappings",p);
