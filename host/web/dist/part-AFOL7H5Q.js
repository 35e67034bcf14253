import{a as x,b as F,c as T,d as N,e as A}from"./part-DK4K6RFT.js";import{a as g}from"./part-XUYPOV2M.js";import{a as O,b as w,c as R}from"./part-NX2RHDAS.js";import{b as d}from"./part-OXFRHKAG.js";import{a as C,b as I}from"./part-NOHHNR6P.js";import{a as s,b as n,k as u,l as f,m as k,n as h}from"./part-F2LQ2LJV.js";function S(t,a,e){let l=`${f}/tables/${t.name}/route`,[r,o,i]=[null,null,!1],c=!1,$=null,y=async(b,m)=>{try{let{body:p}=await h(l,{method:"PUT",body:{...a,dry_run:b}});return[r,o]=[p.changes,null],$=p.preflight??null,!0}catch(p){return o=p instanceof k?p:new k(0,"Page",String(p)),!1}finally{m()}},v=null,D=async b=>{try{v=Number((await h(`${u}/${t.entitySet}/$count`)).body),b()}catch{v=null}},j=a.provider==="virtual"?`live from “${a.source}”`:"kept here";O(`Turn ${t.label} to ${j}?`,(b,m)=>{c||(c=!0,y(!0,m),D(m));let p=async()=>{i=!0,m(),await y(!1,m)&&(b(),e()),i=!1,m()},P=r?.find(M=>M.table===t.name);return s`
      <p>No row is moved. Apps go on with the same table, columns and addresses; they see the rows of the other place.</p>
      ${P?s`<dl class="facts">
            <dt>Rows seen now</dt><dd>${v===null?"not known":v.toLocaleString()}</dd>
            <dt>Rows kept here</dt><dd>${P.native_rows.toLocaleString()}</dd>
            <dt>Turned with it</dt><dd>${r&&r.length>1?d(r.length-1,"child table"):"nothing else"}</dd>
          </dl>
          ${$?E($):n}`:o?n:s`<p class="quiet" role="status">Looking what would happen …</p>`}
      ${o?I(o):n}
      ${R(w("PUT",l,JSON.stringify(a)))}
      <p class="actions">
        <button class="primary" ?disabled=${!r||i} @click=${()=>{p()}}>${i?"Turning …":"Turn"}</button>
        <button class="plain" @click=${b}>Leave as it is</button>
      </p>`})}function E({clear:t,service:a,mapping:e,sample:l,resources:r}){let o=(c,$,y)=>s`<li><span class="badge ${c?"good":"bad"}">${c?"good":"look"}</span> ${$}${y?s` <small>${y}</small>`:n}</li>`,i=l?Object.entries(l.failed).map(([c,$])=>`${c}: ${$}`):[];return s`<h3>${t?"Nothing stands against it":"Look at this first"}</h3>
    <ul>
      ${a?o(a.reachable,a.reachable?`“${a.name}” answers, in ${a.milliseconds} ms`:`“${a.name}” does not answer`,a.message):n}
      ${o(e.loaded,e.loaded?"The mapping is loaded":"The mapping is not loaded",e.message)}
      ${l?o(i.length===0&&l.message===null,`${l.converted} of ${d(l.lookedAt,"sample resource")} become rows`,[...i,l.message??""].filter(Boolean).join(", ")||null):n}
      ${r===null?n:o(!0,`${d(r,"resource")} there`,null)}
    </ul>`}function W(t,{shadow:a,canary:e},l){let r=a??e;return r?s`<section class="card trial" aria-label="On trial">${H(t,r,a?"shadow":"canary",l)}</section>`:n}function H(t,a,e,l){let{found:r,mapping:o}=a;return s`
    <h2>${o.name} ${o.version} <code>${g(o.digest)}</code> is on trial</h2>
    <p>${e==="shadow"?`It makes rows beside the version in force for ${a.percent} percent of the requests. Nobody sees them.`:`It answers ${a.percent} percent of the callers.`}
      ${e==="canary"&&a.failingLimit!==null?s` It stops by itself at ${d(a.failingLimit,"resource")} on which it fails or differs; ${a.failing??0} so far.`:n}</p>
    <dl class="facts">
      <dt>Since</dt><dd>${new Date(a.at).toLocaleString()}, by ${a.by}</dd>
      ${B(r)}
    </dl>
    ${U(r)}
    ${a.resources?.length?s`<h3>Some that differ</h3><ul class="plain-list">${a.resources.map(i=>s`<li><code>${i.resource}</code>: ${i.columns.join(", ")}</li>`)}</ul>`:n}
    <p class="actions">
      <button class="primary" @click=${()=>N(t,o,l)}>Put in force for everybody …</button>
      <button @click=${()=>A(t,o,l)}>End the trial …</button>
      <button class="plain" @click=${l}>Look again</button>
    </p>`}function B(t){let a=Object.entries(t.faults);return s`
    <dt>Requests</dt><dd>${t.requests.toLocaleString()}${t.fellBack?s`, of which ${t.fellBack.toLocaleString()} were answered by the version in force`:n}</dd>
    <dt>Compared</dt><dd>${d(t.rows,"row")} of ${d(t.resources,"resource")}${t.dropped?s`; ${t.dropped.toLocaleString()} not, for want of time`:n}</dd>
    <dt>Differ</dt><dd>${t.differingRows?s`<strong class="lost">${d(t.differingRows,"row")}</strong>`:"none"}${t.missing?s`, ${t.missing.toLocaleString()} missing`:n}${t.extra?s`, ${t.extra.toLocaleString()} more`:n}</dd>
    ${a.length?s`<dt>Faults</dt><dd><strong class="lost">${a.map(([e,l])=>`${e} ${l}`).join(", ")}</strong></dd>`:n}
    ${t.latencyRatio===null?n:s`<dt>Its time</dt><dd>${t.latencyRatio.toFixed(2)} times that of the version in force</dd>`}`}function U(t){let a=Object.entries(t.columns).sort(([,e],[,l])=>l-e);return a.length?s`<table class="table" aria-label="Columns that differ">
    <thead><tr><th scope="col">Column</th><th scope="col" class="number">Rows</th><th scope="col">Of those compared</th></tr></thead>
    <tbody>${a.map(([e,l])=>s`<tr><td><code>${e}</code></td><td class="number">${l.toLocaleString()}</td>
      <td><meter min="0" max=${Math.max(t.rows,1)} .value=${l} aria-label=${`${e}: ${l} of ${t.rows} rows`}></meter> ${V(l,t.rows)}</td></tr>`)}</tbody>
  </table>`:n}function V(t,a){let e=a?100*t/a:0;return`${e<10?e.toFixed(1):Math.round(e)} %`}var G={promoted:"came into force",superseded:"another was put in force",replaced:"another was tried","rolled-back":"was ended",stopped:"stopped by itself"};function q({history:t,trials:a}){if(t.length<2&&!a.length)return n;let e=t.map(o=>({at:o.at,digest:o.digest,version:o.version,by:o.by,what:o.rolledBack?"in force, taken back":"in force"})),l=a.map(o=>({at:o.at,digest:o.digest,version:o.version,by:o.by,what:`${o.mode}, ${o.percent} %: ${G[o.ended]??o.ended}${o.found?.differingRows?`, ${d(o.found.differingRows,"row")} differed`:""}`})),r=[...e,...l].sort((o,i)=>i.at.localeCompare(o.at));return s`<details><summary>History</summary>
    <table class="table" aria-label="History"><thead><tr><th scope="col">From</th><th scope="col">Version</th><th scope="col">What</th><th scope="col">By</th></tr></thead>
    <tbody>${r.map(o=>s`<tr><td>${new Date(o.at).toLocaleString()}</td><td>${o.version??""} <code>${g(o.digest)}</code></td><td>${o.what}</td><td>${o.by}</td></tr>`)}</tbody></table>
  </details>`}var L=class extends C{constructor(){super(...arguments);this.table=null;this.sources=[];this.versions=[];this.release=null}static{this.properties={name:{},address:{}}}willUpdate(e){e.has("name")&&(this.table=null,this.load())}load(){return this.work(async e=>{let[l,r,o,i]=await Promise.all([h(`${f}/tables/${this.name}`,{signal:e}),h(`${f}/sources`,{signal:e}),h(`${f}/mappings`,{signal:e}),h(`${f}/tables/${this.name}/release`,{signal:e})]);this.release=i.body,[this.table,this.sources]=[l.body,r.body.sources],this.versions=o.body.mappings.filter(c=>c.tables.includes(this.name)),document.title=l.body.label})}render(){let{table:e,release:l}=this;return!e||!l?s`${this.state(()=>{this.load()})}`:s`
      <p class="crumbs"><a href="/console/">Tables</a></p>
      <div class="bar"><h1>${e.label}</h1>
        ${e.route==="virtual"?s`<span class="badge virtual">Live from ${e.source}</span>`:s`<span class="badge native">Kept here</span>`}
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
            ${e.parent?s`<dt>Part of</dt><dd><a href=${`/console/t/${e.parent}`}>${e.parent}</a>, which decides</dd>`:n}
          </dl>
          ${e.parent?n:s`<p class="actions">
            ${e.route==="virtual"?s`<button class="primary" @click=${()=>S(e,{provider:"native"},()=>{this.load()})}>Turn to “kept here” …</button>`:this.sources.length?this.sources.map(r=>s`<button class="primary" @click=${()=>S(e,{provider:"virtual",source:r.name},()=>{this.load()})}>Turn to “live from ${r.name}” …</button>`):s`<span class="quiet">No FHIR service is configured: name one under <code>[sources.NAME]</code>.</span>`}
          </p>`}
        </section>
        <section class="card"><h2>Mapping</h2>
          <dl class="facts">
            <dt>In force</dt><dd>${e.mapping.name} ${e.mapping.version} <code>${g(e.mapping.digest)}</code></dd>
            <dt>Calls</dt><dd>${d(e.counters.mappingCalls??0,"call")}, ${d(e.counters.mappingFaults??0,"fault")}</dd>
          </dl>
          ${this.versions.length>1?s`<table class="table"><thead><tr><th scope="col">Version</th><th scope="col">Loaded</th><th scope="col">State</th></tr></thead>
              <tbody>${this.versions.map(r=>s`<tr>
                <td>${r.version} <code>${g(r.digest)}</code></td><td>${new Date(r.uploadedAt).toLocaleString()}</td>
                <td>${this.stateOf(e,l,r)}</td>
              </tr>`)}</tbody></table>
              <p class="actions"><button @click=${()=>F(e,()=>{this.load()})}>Go back to the version before …</button></p>
              ${q(l)}`:s`<p class="quiet">This is its only version. <a href="/console/mappings">Load another</a> to change how its rows are made.</p>`}
        </section>
      </div>
      ${W(e,l,()=>{this.load()})}
      <section class="card"><h2>Columns</h2>
        <div class="wide" tabindex="0" role="region" aria-label="Columns"><table class="table">
          <thead><tr><th scope="col">Column</th><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">FHIR element</th><th scope="col">Written</th></tr></thead>
          <tbody>${e.columns.map(r=>s`<tr>
            <td>${r.label}${r.required?s`<span class="required" title="Required"> *</span>`:n}</td>
            <td><code>${r.name}</code></td><td>${r.kind}</td><td><code>${r.path}</code></td><td>${r.writable?"yes":"no"}</td>
          </tr>`)}</tbody>
        </table></div>
      </section>
      ${K(e)}
    `}stateOf(e,l,r){if(r.digest===e.mapping.digest)return s`in force`;if(r.digest===(l.shadow??l.canary)?.mapping.digest)return s`on trial`;let o=()=>{this.load()};return s`<button class="plain" @click=${()=>x(e,r,o)}>Put in force …</button>
      <button class="plain" @click=${()=>T(e,r,"shadow",o)}>Compare …</button>
      <button class="plain" ?disabled=${e.route==="native"} title=${e.route==="native"?"Only for tables whose rows live in a FHIR service":n}
        @click=${()=>T(e,r,"canary",o)}>Try on some …</button>`}};function K(t){let a=new URL(`${u}/${t.entitySet}`,window.location.origin).href;return s`<section class="card"><h2>Connect</h2>
    <dl class="facts">
      <dt>OData</dt><dd><code>${a}</code></dd>
      <dt>Power BI</dt><dd><a href=${`${u}/$files/${t.entitySet}.pbids`} download>${t.entitySet}.pbids</a></dd>
      <dt>Excel</dt><dd><a href=${`${u}/$files/${t.entitySet}.odc`} download>${t.entitySet}.odc</a></dd>
      <dt>OpenAPI</dt><dd><a href=${`${u}/$openapi?tables=${t.entitySet}`}>of this table</a></dd>
    </dl>
    ${R(w("GET",`${u}/${t.entitySet}?$top=5`))}
  </section>`}customElements.define("console-table",L);
