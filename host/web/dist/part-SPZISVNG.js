import{a as T,b as x,c as j,d as N,e as S,f as E,g as W}from"./part-WZRA4NKR.js";import{b as y}from"./part-HQAGZBRA.js";import{a as O,b as w,c as q,d as k}from"./part-NV6TCAXT.js";import{b as d}from"./part-OXFRHKAG.js";import{c as C}from"./part-2FETXVJV.js";import{b as F}from"./part-OGARQADM.js";import{a as h,b as g,c as $}from"./part-NJ5OCB5B.js";import{a as s,b as l,e as R,t as A}from"./part-RLODHPJ5.js";function L(t,r,e){let n=`${g}/tables/${t.name}/route`,[a,o,i]=[null,null,!1],c=!1,p=null,m=async(b,f)=>{try{let{body:u}=await $(n,{method:"PUT",body:{...r,dry_run:b}});return[a,o]=[u.changes,null],p=u.preflight??null,!0}catch(u){return o=u instanceof R?u:new R(0,"Page",String(u)),!1}finally{f()}},v=null,M=async b=>{try{v=Number((await $(`${h}/${t.entitySet}/$count`)).body),b()}catch{v=null}},K=r.provider==="virtual"?`live from “${r.source}”`:"kept here";O(`Turn ${t.label} to ${K}?`,(b,f)=>{c||(c=!0,m(!0,f),M(f));let u=async()=>{i=!0,f(),await m(!1,f)&&(b(),e()),i=!1,f()},I=a?.find(B=>B.table===t.name);return s`
      <p>No row is moved. Apps go on with the same table, columns and addresses; they see the rows of the other place.</p>
      ${I?s`<dl class="facts">
            <dt>Rows seen now</dt><dd>${v===null?"not known":v.toLocaleString()}</dd>
            <dt>Rows kept here</dt><dd>${I.native_rows.toLocaleString()}</dd>
            <dt>Turned with it</dt><dd>${a&&a.length>1?d(a.length-1,"child table"):"nothing else"}</dd>
          </dl>
          ${p?V(p):l}`:o?l:s`<p class="quiet" role="status">Looking what would happen …</p>`}
      ${o?A(o):l}
      ${q(w("PUT",n,JSON.stringify(r)))}
      <p class="actions">
        <button class="primary" ?disabled=${!a||i} @click=${()=>{u()}}>${i?"Turning …":"Turn"}</button>
        <button class="plain" @click=${b}>Leave as it is</button>
      </p>`})}function V({clear:t,service:r,mapping:e,sample:n,resources:a}){let o=(c,p,m)=>s`<li><span class="badge ${c?"good":"bad"}">${c?"good":"look"}</span> ${p}${m?s` <small>${m}</small>`:l}</li>`,i=n?Object.entries(n.failed).map(([c,p])=>`${c}: ${p}`):[];return s`<h3>${t?"Nothing stands against it":"Look at this first"}</h3>
    <ul>
      ${r?o(r.reachable,r.reachable?`“${r.name}” answers, in ${r.milliseconds} ms`:`“${r.name}” does not answer`,r.message):l}
      ${o(e.loaded,e.loaded?"The mapping is loaded":"The mapping is not loaded",e.message)}
      ${n&&(n.lookedAt||n.message)?o(i.length===0&&n.message===null,`${n.converted} of ${d(n.lookedAt,"sample resource")} become rows`,[...i,n.message??""].filter(Boolean).join(", ")||null):l}
      ${a===null?l:o(!0,`${d(a,"resource")} there`,null)}
    </ul>`}function D(t,{shadow:r,canary:e},n){let a=r??e;return a?s`<section class="card trial" aria-label="On trial">${J(t,a,r?"shadow":"canary",n)}</section>`:l}function J(t,r,e,n){let{found:a,mapping:o}=r;return s`
    <h2>${o.name} ${o.version} <code>${y(o.digest)}</code> is on trial</h2>
    <p>${e==="shadow"?`It makes rows beside the version in force for ${r.percent} percent of the requests. Nobody sees them.`:`It answers ${r.percent} percent of the callers.`}
      ${e==="canary"&&r.failingLimit!==null?s` It stops by itself at ${d(r.failingLimit,"resource")} on which it fails or differs; ${r.failing??0} so far.`:l}</p>
    <dl class="facts">
      <dt>Since</dt><dd>${new Date(r.at).toLocaleString()}, by ${r.by}</dd>
      ${U(a)}
    </dl>
    ${_(a)}
    ${r.resources?.length?s`<h3>Some that differ</h3><ul class="plain-list">${r.resources.map(i=>s`<li><code>${i.resource}</code>: ${i.columns.join(", ")}</li>`)}</ul>`:l}
    <p class="actions">
      <button class="primary" @click=${()=>E(t,o,n)}>Put in force for everybody …</button>
      <button @click=${()=>W(t,o,n)}>End the trial …</button>
      <button class="plain" @click=${n}>Look again</button>
    </p>`}function U(t){let r=Object.entries(t.faults);return s`
    <dt>Requests</dt><dd>${t.requests.toLocaleString()}${t.fellBack?s`, of which ${t.fellBack.toLocaleString()} were answered by the version in force`:l}</dd>
    <dt>Compared</dt><dd>${d(t.rows,"row")} of ${d(t.resources,"resource")}${t.dropped?s`; ${t.dropped.toLocaleString()} not, for want of time`:l}</dd>
    <dt>Differ</dt><dd>${t.differingRows?s`<strong class="lost">${d(t.differingRows,"row")}</strong>`:"none"}${t.missing?s`, ${t.missing.toLocaleString()} missing`:l}${t.extra?s`, ${t.extra.toLocaleString()} more`:l}</dd>
    ${r.length?s`<dt>Faults</dt><dd><strong class="lost">${r.map(([e,n])=>`${e} ${n}`).join(", ")}</strong></dd>`:l}
    ${t.latencyRatio===null?l:s`<dt>Its time</dt><dd>${t.latencyRatio.toFixed(2)} times that of the version in force</dd>`}`}function _(t){let r=Object.entries(t.columns).sort(([,e],[,n])=>n-e);return r.length?s`<table class="table" aria-label="Columns that differ">
    <thead><tr><th scope="col">Column</th><th scope="col" class="number">Rows</th><th scope="col">Of those compared</th></tr></thead>
    <tbody>${r.map(([e,n])=>s`<tr><td><code>${e}</code></td><td class="number">${n.toLocaleString()}</td>
      <td><meter min="0" max=${Math.max(t.rows,1)} .value=${n} aria-label=${`${e}: ${n} of ${t.rows} rows`}></meter> ${X(n,t.rows)}</td></tr>`)}</tbody>
  </table>`:l}function X(t,r){let e=r?100*t/r:0;return`${e<10?e.toFixed(1):Math.round(e)} %`}var Y={promoted:"came into force",superseded:"another was put in force",replaced:"another was tried","rolled-back":"was ended",stopped:"stopped by itself"};function H({history:t,trials:r}){if(t.length<2&&!r.length)return l;let e=t.map(o=>({at:o.at,digest:o.digest,version:o.version,by:o.by,what:o.rolledBack?"in force, taken back":"in force"})),n=r.map(o=>({at:o.at,digest:o.digest,version:o.version,by:o.by,what:`${o.mode}, ${o.percent} %: ${Y[o.ended]??o.ended}${o.found?.differingRows?`, ${d(o.found.differingRows,"row")} differed`:""}`})),a=[...e,...n].sort((o,i)=>i.at.localeCompare(o.at));return s`<details><summary>History</summary>
    <div class="wide" tabindex="0" role="region" aria-label="History"><table class="table" aria-label="History"><thead><tr><th scope="col">From</th><th scope="col">Version</th><th scope="col">What</th><th scope="col">By</th></tr></thead>
    <tbody>${a.map(o=>s`<tr><td>${new Date(o.at).toLocaleString()}</td><td>${o.version??""} <code>${y(o.digest)}</code></td><td>${o.what}</td><td>${o.by}</td></tr>`)}</tbody></table></div>
  </details>`}var P=class extends F{constructor(){super(...arguments);this.table=null;this.sources=[];this.versions=[];this.release=null}static{this.properties={name:{},address:{}}}willUpdate(e){e.has("name")&&(this.table=null,this.load())}load(){return this.work(async e=>{let[n,a,o,i]=await Promise.all([$(`${g}/tables/${this.name}`,{signal:e}),$(`${g}/sources`,{signal:e}),$(`${g}/mappings`,{signal:e}),$(`${g}/tables/${this.name}/release`,{signal:e})]);this.release=i.body,[this.table,this.sources]=[n.body,a.body.sources],this.versions=o.body.mappings.filter(c=>c.tables.includes(this.name)),document.title=n.body.label})}render(){let{table:e,release:n}=this;return!e||!n?s`${this.state(()=>{this.load()})}`:s`
      <p class="crumbs"><a href="/console/">Tables</a></p>
      <div class="bar"><h1>${e.label}</h1>
        ${e.route==="virtual"?s`<span class="badge virtual">Live from ${e.source}</span>`:s`<span class="badge native">Kept here</span>`}
        <span class="fill"></span>
        <a class="button" href=${`/console/requests?table=${e.name}`}>Its requests</a>
        <a class="button" href=${`/app/t/${e.entitySet}`}>See the rows</a>
      </div>
      ${this.state(()=>{this.load()})}
      <div class="split">
        <section class="card"><h2>Where its rows live</h2>
          <dl class="facts">
            <dt>Now</dt><dd>${e.route==="virtual"?`in the FHIR service “${e.source}”`:"in this server’s own store"}</dd>
            <dt>Rows kept here</dt><dd>${e.nativeRows.toLocaleString()}</dd>
            <dt>FHIR</dt><dd>${e.resource.join(", ")}</dd>
            ${e.parent?s`<dt>Part of</dt><dd><a href=${`/console/t/${e.parent}`}>${e.parent}</a>, which decides</dd>`:l}
          </dl>
          ${e.parent?l:s`<p class="actions">
            ${e.route==="virtual"?s`<button class="primary" @click=${()=>L(e,{provider:"native"},()=>{this.load()})}>Turn to “kept here” …</button>`:this.sources.length?this.sources.map(a=>s`<button class="primary" @click=${()=>L(e,{provider:"virtual",source:a.name},()=>{this.load()})}>Turn to “live from ${a.name}” …</button>`):s`<span class="quiet">No FHIR service is configured: name one under <code>[sources.NAME]</code>.</span>`}
          </p>`}
        </section>
        <section class="card"><h2>Mapping</h2>
          <dl class="facts">
            <dt>In force</dt><dd>${e.mapping.name} ${e.mapping.version} <code>${y(e.mapping.digest)}</code></dd>
            <dt>Signed by</dt><dd>${T(this.versions.find(a=>a.digest===e.mapping.digest)?.signer)}</dd>
            <dt>Calls</dt><dd>${d(e.counters.mappingCalls??0,"call")}, ${d(e.counters.mappingFaults??0,"fault")}</dd>
          </dl>
          ${this.versions.length>1?s`<div class="wide" tabindex="0" role="region" aria-label="Versions"><table class="table"><thead><tr><th scope="col">Version</th><th scope="col">Signed by</th><th scope="col">Loaded</th><th scope="col">State</th></tr></thead>
              <tbody>${this.versions.map(a=>s`<tr>
                <td>${a.version} <code>${y(a.digest)}</code></td><td>${T(a.signer)}</td><td>${new Date(a.uploadedAt).toLocaleString()}</td>
                <td>${this.stateOf(e,n,a)}</td>
              </tr>`)}</tbody></table></div>
              <p class="actions"><button @click=${()=>j(e,()=>{this.load()})}>Go back to the version before …</button></p>
              ${H(n)}`:s`<p class="quiet">This is its only version. <a href="/console/mappings">Load another</a> to change how its rows are made.</p>`}
          <p class="actions"><button class="plain danger" @click=${()=>N(e,()=>C("/console/"))}>Take it out of force …</button></p>
        </section>
      </div>
      ${D(e,n,()=>{this.load()})}
      <section class="card"><h2>Columns</h2>
        <div class="wide" tabindex="0" role="region" aria-label="Columns"><table class="table">
          <thead><tr><th scope="col">Column</th><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">FHIR element</th><th scope="col">Searched by</th><th scope="col">Written</th></tr></thead>
          <tbody>${e.columns.map(a=>s`<tr>
            <td>${a.label}${a.required?s`<span class="required" title="Required"> *</span>`:l}</td>
            <td><code>${a.name}</code></td><td>${a.kind}</td><td><code>${a.path}</code></td><td>${G(a)}</td><td>${a.writable?"yes":"no"}</td>
          </tr>`)}</tbody>
        </table></div>
      </section>
      ${z(e)}
    `}stateOf(e,n,a){if(a.digest===e.mapping.digest)return s`in force`;if(a.digest===(n.shadow??n.canary)?.mapping.digest)return s`on trial`;let o=()=>{this.load()};return s`<button class="plain" @click=${()=>x(e,a,o)}>Put in force …</button>
      <button class="plain" @click=${()=>S(e,a,"shadow",o)}>Compare …</button>
      <button class="plain" ?disabled=${e.route==="native"} title=${e.route==="native"?"Only for tables whose rows live in a FHIR service":l}
        @click=${()=>S(e,a,"canary",o)}>Try on some …</button>`}};function G({search:t}){if(!t.length)return s`<span class="quiet">looked at here</span>`;let r=new Map(t.map(({parameter:e})=>[e,t.filter(n=>n.parameter===e)]));return s`${[...r].map(([e,n],a)=>{let o=({resource:i,exact:c,superset:p,sorts:m})=>`${i}: ${[c.length?`exactly ${c.join(", ")}`:"",p.length?`${p.join(", ")} with more rows, looked at again here`:"",m?"sorts":""].filter(Boolean).join("; ")}`;return s`${a?", ":""}<code title=${n.map(o).join(`
`)}>${e}</code>`})}`}function z(t){let r=new URL(`${h}/${t.entitySet}`,window.location.origin).href;return s`<section class="card"><h2>Connect</h2>
    <dl class="facts">
      <dt>OData</dt><dd><code>${r}</code></dd>
      <dt>Power BI</dt><dd><a href=${`${h}/$files/${t.entitySet}.pbids`} download>${t.entitySet}.pbids</a></dd>
      <dt>Excel</dt><dd><a href=${`${h}/$files/${t.entitySet}.odc`} download>${t.entitySet}.odc</a></dd>
      <dt>OpenAPI</dt><dd><a href=${`${h}/$openapi?tables=${t.entitySet}`}>of this table</a></dd>
    </dl>
    ${k("From a shell",`${w("GET",`${h}/${t.entitySet}?$top=5`)} -H "X-API-Key: $KEY"`)}
    ${k("From JavaScript",`const answer = await fetch(${JSON.stringify(`${r}?$top=5`)}, {
  headers: { 'X-API-Key': process.env.KEY },
});
const { value } = await answer.json();
console.log(value);`)}
    ${k("From Python",`import os, requests

answer = requests.get(
    ${JSON.stringify(r)},
    params={"$top": 5},
    headers={"X-API-Key": os.environ["KEY"]},
)
answer.raise_for_status()
print(answer.json()["value"])`)}
    <p class="quiet">The key is one of <a href="/console/keys">the API keys</a>; without a login none is asked for.</p>
  </section>`}customElements.define("console-table",P);
