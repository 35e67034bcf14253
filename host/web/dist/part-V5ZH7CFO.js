import{a as N,b as C}from"./part-RBWOE34J.js";import{a as k}from"./part-XUYPOV2M.js";import{a as A,b as v,c as w}from"./part-NX2RHDAS.js";import{b as $}from"./part-OXFRHKAG.js";import{a as L,b as I}from"./part-NOHHNR6P.js";import{a as o,b as n,k as c,l as f,m as T,n as m}from"./part-F2LQ2LJV.js";function R(a,s,e){let t=`${f}/tables/${a.name}/route`,[r,l,d]=[null,null,!1],u=!1,p=null,g=async(b,h)=>{try{let{body:i}=await m(t,{method:"PUT",body:{...s,dry_run:b}});return[r,l]=[i.changes,null],p=i.preflight??null,!0}catch(i){return l=i instanceof T?i:new T(0,"Page",String(i)),!1}finally{h()}},y=null,W=async b=>{try{y=Number((await m(`${c}/${a.entitySet}/$count`)).body),b()}catch{y=null}},q=s.provider==="virtual"?`live from “${s.source}”`:"kept here";A(`Turn ${a.label} to ${q}?`,(b,h)=>{u||(u=!0,g(!0,h),W(h));let i=async()=>{d=!0,h(),await g(!1,h)&&(b(),e()),d=!1,h()},P=r?.find(x=>x.table===a.name);return o`
      <p>No row is moved. Apps go on with the same table, columns and addresses; they see the rows of the other place.</p>
      ${P?o`<dl class="facts">
            <dt>Rows seen now</dt><dd>${y===null?"not known":y.toLocaleString()}</dd>
            <dt>Rows kept here</dt><dd>${P.native_rows.toLocaleString()}</dd>
            <dt>Turned with it</dt><dd>${r&&r.length>1?$(r.length-1,"child table"):"nothing else"}</dd>
          </dl>
          ${p?F(p):n}`:l?n:o`<p class="quiet" role="status">Looking what would happen …</p>`}
      ${l?I(l):n}
      ${w(v("PUT",t,JSON.stringify(s)))}
      <p class="actions">
        <button class="primary" ?disabled=${!r||d} @click=${()=>{i()}}>${d?"Turning …":"Turn"}</button>
        <button class="plain" @click=${b}>Leave as it is</button>
      </p>`})}function F({clear:a,service:s,mapping:e,sample:t,resources:r}){let l=(u,p,g)=>o`<li><span class="badge ${u?"good":"bad"}">${u?"good":"look"}</span> ${p}${g?o` <small>${g}</small>`:n}</li>`,d=t?Object.entries(t.failed).map(([u,p])=>`${u}: ${p}`):[];return o`<h3>${a?"Nothing stands against it":"Look at this first"}</h3>
    <ul>
      ${s?l(s.reachable,s.reachable?`“${s.name}” answers, in ${s.milliseconds} ms`:`“${s.name}” does not answer`,s.message):n}
      ${l(e.loaded,e.loaded?"The mapping is loaded":"The mapping is not loaded",e.message)}
      ${t?l(d.length===0&&t.message===null,`${t.converted} of ${$(t.lookedAt,"sample resource")} become rows`,[...d,t.message??""].filter(Boolean).join(", ")||null):n}
      ${r===null?n:l(!0,`${$(r,"resource")} there`,null)}
    </ul>`}var S=class extends L{constructor(){super(...arguments);this.table=null;this.sources=[];this.versions=[]}static{this.properties={name:{},address:{}}}willUpdate(e){e.has("name")&&(this.table=null,this.load())}load(){return this.work(async e=>{let[t,r,l]=await Promise.all([m(`${f}/tables/${this.name}`,{signal:e}),m(`${f}/sources`,{signal:e}),m(`${f}/mappings`,{signal:e})]);[this.table,this.sources]=[t.body,r.body.sources],this.versions=l.body.mappings.filter(d=>d.tables.includes(this.name)),document.title=t.body.label})}render(){let{table:e}=this;return e?o`
      <p class="crumbs"><a href="/console/">Tables</a></p>
      <div class="bar"><h1>${e.label}</h1>
        ${e.route==="virtual"?o`<span class="badge virtual">Live from ${e.source}</span>`:o`<span class="badge native">Kept here</span>`}
        <span class="fill"></span>
        <a class="button" href=${`/app/t/${e.entitySet}`}>See the rows</a>
      </div>
      ${this.state(()=>{this.load()})}
      <div class="split">
        <section class="card"><h2>Where its rows live</h2>
          <dl class="facts">
            <dt>Now</dt><dd>${e.route==="virtual"?`in the FHIR service “${e.source}”`:"in this server’s own store"}</dd>
            <dt>Rows kept here</dt><dd>${e.nativeRows.toLocaleString()}</dd>
            <dt>FHIR</dt><dd>${e.resource.join(", ")}</dd>
            ${e.parent?o`<dt>Part of</dt><dd><a href=${`/console/t/${e.parent}`}>${e.parent}</a>, which decides</dd>`:n}
          </dl>
          ${e.parent?n:o`<p class="actions">
            ${e.route==="virtual"?o`<button class="primary" @click=${()=>R(e,{provider:"native"},()=>{this.load()})}>Turn to “kept here” …</button>`:this.sources.length?this.sources.map(t=>o`<button class="primary" @click=${()=>R(e,{provider:"virtual",source:t.name},()=>{this.load()})}>Turn to “live from ${t.name}” …</button>`):o`<span class="quiet">No FHIR service is configured: name one under <code>[sources.NAME]</code>.</span>`}
          </p>`}
        </section>
        <section class="card"><h2>Mapping</h2>
          <dl class="facts">
            <dt>In force</dt><dd>${e.mapping.name} ${e.mapping.version} <code>${k(e.mapping.digest)}</code></dd>
            <dt>Calls</dt><dd>${$(e.counters.mappingCalls??0,"call")}, ${$(e.counters.mappingFaults??0,"fault")}</dd>
          </dl>
          ${this.versions.length>1?o`<table class="table"><thead><tr><th scope="col">Version</th><th scope="col">Loaded</th><th scope="col">State</th></tr></thead>
              <tbody>${this.versions.map(t=>o`<tr>
                <td>${t.version} <code>${k(t.digest)}</code></td><td>${new Date(t.uploadedAt).toLocaleString()}</td>
                <td>${t.digest===e.mapping.digest?"in force":o`<button class="plain" @click=${()=>N(e,t,()=>{this.load()})}>Put in force …</button>`}</td>
              </tr>`)}</tbody></table>
              <p class="actions"><button @click=${()=>C(e,()=>{this.load()})}>Go back to the version before …</button></p>`:o`<p class="quiet">This is its only version. <a href="/console/mappings">Load another</a> to change how its rows are made.</p>`}
        </section>
      </div>
      <section class="card"><h2>Columns</h2>
        <div class="wide" tabindex="0" role="region" aria-label="Columns"><table class="table">
          <thead><tr><th scope="col">Column</th><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">FHIR element</th><th scope="col">Written</th></tr></thead>
          <tbody>${e.columns.map(t=>o`<tr>
            <td>${t.label}${t.required?o`<span class="required" title="Required"> *</span>`:n}</td>
            <td><code>${t.name}</code></td><td>${t.kind}</td><td><code>${t.path}</code></td><td>${t.writable?"yes":"no"}</td>
          </tr>`)}</tbody>
        </table></div>
      </section>
      ${j(e)}
    `:o`${this.state(()=>{this.load()})}`}};function j(a){let s=new URL(`${c}/${a.entitySet}`,window.location.origin).href;return o`<section class="card"><h2>Connect</h2>
    <dl class="facts">
      <dt>OData</dt><dd><code>${s}</code></dd>
      <dt>Power BI</dt><dd><a href=${`${c}/$files/${a.entitySet}.pbids`} download>${a.entitySet}.pbids</a></dd>
      <dt>Excel</dt><dd><a href=${`${c}/$files/${a.entitySet}.odc`} download>${a.entitySet}.odc</a></dd>
      <dt>OpenAPI</dt><dd><a href=${`${c}/$openapi?tables=${a.entitySet}`}>of this table</a></dd>
    </dl>
    ${w(v("GET",`${c}/${a.entitySet}?$top=5`))}
  </section>`}customElements.define("console-table",S);
