import{a as c,b as k}from"./part-XG6YDMXW.js";import{b as L}from"./part-K4A42MDS.js";import{b,c as w}from"./part-ZD4QJIED.js";import{b as h}from"./part-OXFRHKAG.js";import{a as f,d as $}from"./part-2FETXVJV.js";import{b as y}from"./part-THRFAO2Q.js";import{b as n,c as d}from"./part-KRQAAHH3.js";import{a as e,c as s,f as p,u as v}from"./part-QFVSUMPG.js";var u=class extends y{constructor(){super(...arguments);this.all=[];this.open=null;this.opened="";this.fresh=null;this.refusedLoad=null;this.loading="";this.draft=null;this.over=!1}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.load()}willUpdate(){let t=f("/console/").query.get("version")??"";t!==this.opened&&(this.opened=t,this.load())}load(){return this.work(async t=>{this.all=(await d(`${n}/mappings`,{signal:t})).body.mappings,this.open=this.opened?(await d(`${n}/mappings/${this.opened}`,{signal:t})).body:null})}async take(t){if(t){if(!/\.ya?ml$/i.test(t.name)){this.draft=null,await this.bring(t.name,t,"application/wasm");return}await import("./part-YLSVQUUP.js"),this.draft={file:t.name,text:await t.text(),notes:[]},await this.bringDraft()}}async bringDraft(){let{draft:t}=this;t&&(await this.bring(t.file,t.text,"application/yaml"),this.fresh?this.draft=null:this.draft&&(this.draft={...this.draft,notes:(this.refusedLoad?.details??[]).flatMap(D)}),this.requestUpdate())}async bring(t,i,o){[this.loading,this.refusedLoad,this.fresh]=[t,null,null],this.requestUpdate();try{this.fresh=(await d(`${n}/mappings`,{method:"POST",body:i,headers:{"content-type":o}})).body,await this.load()}catch(r){this.refusedLoad=r instanceof p?r:new p(0,"Page",String(r))}this.loading="",this.requestUpdate()}render(){return e`
      <h1>Mappings</h1>
      <p class="quiet">A mapping decides how FHIR becomes rows, and rows become FHIR. A new version passes a gate before it can be put in force.</p>
      <div class="drop ${this.over?"over":""}"
        @dragover=${t=>{t.preventDefault(),this.over=!0,this.requestUpdate()}}
        @dragleave=${()=>{this.over=!1,this.requestUpdate()}}
        @drop=${t=>{t.preventDefault(),this.over=!1,this.take(t.dataTransfer?.files[0])}}>
        ${this.loading?e`<p role="status">The gate tries ${this.loading} …</p>`:e`<p>Drop a component (<code>.wasm</code>) or a mapping in YAML (<code>.yaml</code>) here, or</p>
              <label class="button">Choose a file<input type="file" accept=".wasm,.yaml,.yml,application/wasm,application/yaml" hidden @change=${t=>{let i=t.target;this.take(i.files?.[0]),i.value=""}}></label>`}
      </div>
      ${w(`turntable load mapping.wasm
${b("POST",`${n}/mappings`)} -H 'Content-Type: application/wasm' --data-binary @mapping.wasm`)}
      ${this.refusedLoad?e`<h2>Refused at the gate</h2>${v(this.refusedLoad)}<p>Nothing has changed: what is in force goes on. ${this.draft?"Put right what is named, and load it again.":"Put right what is named, build, and drop it again."}</p>`:s}
      ${this.draft?this.editor(this.draft):s}
      ${this.fresh?e`<section class="card" role="status"><h2>Loaded: ${this.fresh.name} ${this.fresh.version}</h2>${this.version(this.fresh)}</section>`:s}
      ${this.state(()=>{this.load()})}
      ${this.open?e`<section class="card"><h2>${this.open.name} ${this.open.version}</h2>${this.version(this.open)}</section>`:s}
      <h2>${h(this.all.length,"version")}</h2>
      <div class="grid" tabindex="0"><table aria-label="Versions">
        <thead><tr><th scope="col">Mapping</th><th scope="col">Version</th><th scope="col">Digest</th><th scope="col">In force for</th><th scope="col">Signed by</th><th scope="col">Loaded</th></tr></thead>
        <tbody>${this.all.map(t=>e`<tr>
          <td><button class="plain" @click=${()=>$({query:{version:t.digest}})}>${t.name}</button></td><td>${t.version}</td><td><code>${L(t.digest)}</code></td>
          <td>${t.activeFor.length?h(t.activeFor.length,"table"):"none"}</td><td>${c(t.signer)}</td><td>${new Date(t.uploadedAt).toLocaleString()} by ${t.uploadedBy}</td>
        </tr>`)}</tbody>
      </table></div>
    `}editor(t){let i=`/console/playground?with=yaml#${new URLSearchParams({code:t.text})}`;return e`<section class="card"><h2>${t.file}</h2>
      <tt-editor language="yaml" label="The mapping" .value=${t.text} .notes=${t.notes} @typed=${({detail:o})=>{this.draft={...t,text:o},this.requestUpdate()}}></tt-editor>
      <p class="actions">
        <button class="primary" ?disabled=${this.loading!==""} @click=${()=>{this.bringDraft()}}>${this.loading?"The gate tries it …":"Load it"}</button>
        <a class="button" href=${i}>Try it in the playground</a>
        <button class="plain" @click=${()=>{[this.draft,this.refusedLoad]=[null,null],this.requestUpdate()}}>Put it away</button>
      </p>
      <p class="quiet">What is changed here is not in your file: copy it there once it is let in. Samples go with it when <code>turntable mapping build</code> makes it a component.</p>
    </section>`}version(t){let i=t.checks??t.report?.checks??[],o=t.tables[0],r=this.all.find(a=>a.digest===t.digest)?.activeFor.length??0;return e`
      <dl class="facts">
        <dt>Digest</dt><dd><code>${t.digest}</code></dd>
        <dt>Tables</dt><dd>${t.tables.join(", ")}</dd>
        <dt>Signed by</dt><dd>${c(this.all.find(a=>a.digest===t.digest)?.signer??t.signer)}</dd>
      </dl>
      <h2>What the gate found</h2>
      ${i.some(({name:a,findings:l})=>a==="samples"&&l[0]?.startsWith("0 "))?e`<p>It brought no samples, so the gate has seen none of its rows. Try it in the <a href=${`/console/playground?with=${t.digest}`}>playground</a>, or compare it with what is in force before it is.</p>`:s}
      <ul>${i.map(a=>e`<li><span class="badge ${a.passed?"good":"bad"}">${a.passed?"passed":"failed"}</span> <strong>${a.name}</strong>
        ${a.findings.length?e`<ul>${a.findings.map(l=>e`<li>${l}</li>`)}</ul>`:s}</li>`)}</ul>
      ${o&&!r?e`<p class="actions"><button class="primary" @click=${()=>k({name:o,label:o},t,()=>{this.load()})}>Put in force …</button></p>`:s}
    `}};function D({message:g,target:m}){let t=/^line (\d+), column (\d+)$/.exec(m??"");return t?[{severity:"error",line:Number(t[1]),column:Number(t[2]),message:g}]:[]}customElements.define("console-mappings",u);
