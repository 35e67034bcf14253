import{a as L,b as H,c as W,d as B,e as P,f as K,g as V}from"./part-XG6YDMXW.js";import{b as v}from"./part-K4A42MDS.js";import{a as M,b as w,c as D,d as R}from"./part-ZD4QJIED.js";import{b as d}from"./part-OXFRHKAG.js";import{c as j}from"./part-2FETXVJV.js";import{b as E}from"./part-THRFAO2Q.js";import{a as m,b,c as $}from"./part-KRQAAHH3.js";import{a as n,b as q,c as i,e as O,f as S,u as N}from"./part-QFVSUMPG.js";function x(t,o,e){let a=`${b}/tables/${t.name}/route`,[s,r,l]=[null,null,!1],c=!1,p=null,u=async(y,g)=>{try{let{body:h}=await $(a,{method:"PUT",body:{...o,dry_run:y}});return[s,r]=[h.changes,null],p=h.preflight??null,!0}catch(h){return r=h instanceof S?h:new S(0,"Page",String(h)),!1}finally{g()}},f=null,T=async y=>{try{f=Number((await $(`${m}/${t.entitySet}/$count`)).body),y()}catch{f=null}},Y=o.provider==="virtual"?`live from “${o.source}”`:"kept here";M(`Turn ${t.label} to ${Y}?`,(y,g)=>{c||(c=!0,u(!0,g),T(g));let h=async()=>{l=!0,g(),await u(!1,g)&&(y(),e()),l=!1,g()},F=s?.find(G=>G.table===t.name);return n`
      <p>No row is moved. Apps go on with the same table, columns and addresses; they see the rows of the other place.</p>
      ${F?n`<dl class="facts">
            <dt>Rows seen now</dt><dd>${f===null?"not known":f.toLocaleString()}</dd>
            <dt>Rows kept here</dt><dd>${F.native_rows.toLocaleString()}</dd>
            <dt>Turned with it</dt><dd>${s&&s.length>1?d(s.length-1,"child table"):"nothing else"}</dd>
          </dl>
          ${p?z(p):i}`:r?i:n`<p class="quiet" role="status">Looking what would happen …</p>`}
      ${r?N(r):i}
      ${D(w("PUT",a,JSON.stringify(o)))}
      <p class="actions">
        <button class="primary" ?disabled=${!s||l} @click=${()=>{h()}}>${l?"Turning …":"Turn"}</button>
        <button class="plain" @click=${y}>Leave as it is</button>
      </p>`})}function z({clear:t,service:o,mapping:e,sample:a,resources:s}){let r=(c,p,u)=>n`<li><span class="badge ${c?"good":"bad"}">${c?"good":"look"}</span> ${p}${u?n` <small>${u}</small>`:i}</li>`,l=a?Object.entries(a.failed).map(([c,p])=>`${c}: ${p}`):[];return n`<h3>${t?"Nothing stands against it":"Look at this first"}</h3>
    <ul>
      ${o?r(o.reachable,o.reachable?`“${o.name}” answers, in ${o.milliseconds} ms`:`“${o.name}” does not answer`,o.message):i}
      ${r(e.loaded,e.loaded?"The mapping is loaded":"The mapping is not loaded",e.message)}
      ${a&&(a.lookedAt||a.message)?r(l.length===0&&a.message===null,`${a.converted} of ${d(a.lookedAt,"sample resource")} become rows`,[...l,a.message??""].filter(Boolean).join(", ")||null):i}
      ${s===null?i:r(!0,`${d(s,"resource")} there`,null)}
    </ul>`}var k=t=>t.reduce((o,e)=>o+e,0),I=class extends O{static{this.properties={course:{},since:{}}}createRenderRoot(){return this}updated(o){this.draw()}async draw(){let{bars:o}=await import("./part-IDIEF2OQ.js"),{seconds:e,rows:a,differing:s,failing:r}=this.course,l=Date.parse(this.since)/1e3,c=a.map((f,T)=>l+T*e),[p,u]=["compared","differing"].map(f=>this.querySelector(`[data-chart=${f}]`));p&&o(p,c,[{label:"Rows compared",token:"--colorBrandForeground1",numbers:a}]),u&&o(u,c,[{label:"Rows that differ",token:"--colorStatusDangerForeground1",numbers:s},{label:"Failures",token:"--colorPaletteMarigoldBorderActive",numbers:r}])}render(){let{course:o}=this;return n`<figure class="course" aria-label=${_(o)}>
      <figcaption>Since ${new Date(this.since).toLocaleString()}, each ${C(o.seconds)}</figcaption>
      <div data-chart="compared"></div><div data-chart="differing"></div>
    </figure>`}};function C(t){return t<120?d(t,"second"):d(t/60,"minute")}function _({seconds:t,rows:o,differing:e,failing:a}){let s=e.findIndex(l=>l>0),r=s<0?"":`, the first after ${C(s*t)}`;return`${d(k(o),"row")} compared in ${C(o.length*t)}; ${d(k(e),"row")} differ${r}; ${d(k(a),"failure")}.`}function J(t){if(!t||!k(t.rows))return i;let o=Math.max(...t.rows),e=100/t.rows.length,a=(s,r)=>s.map((l,c)=>l?q`<rect class=${r} x=${c*e} y=${20-20*l/o} width=${e} height=${20*l/o}></rect>`:i);return n`<svg class="spark" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label=${_(t)}>${a(t.rows,"rows")}${a(t.differing,"differing")}</svg>`}customElements.define("tt-course",I);function U(t,{shadow:o,canary:e},a){let s=o??e;return s?n`<section class="card trial" aria-label="On trial">${Q(t,s,o?"shadow":"canary",a)}</section>`:i}function Q(t,o,e,a){let{found:s,mapping:r}=o;return n`
    <h2>${r.name} ${r.version} <code>${v(r.digest)}</code> is on trial</h2>
    <p>${e==="shadow"?`It makes rows beside the version in force for ${o.percent} percent of the requests. Nobody sees them.`:`It answers ${o.percent} percent of the callers.`}
      ${e==="canary"&&o.failingLimit!==null?n` It stops by itself at ${d(o.failingLimit,"resource")} on which it fails or differs; ${o.failing??0} so far.`:i}</p>
    <dl class="facts">
      <dt>Since</dt><dd>${new Date(o.at).toLocaleString()}, by ${o.by}</dd>
      ${Z(s)}
    </dl>
    ${s.rows||s.requests?n`<tt-course .course=${s.course} .since=${o.since}></tt-course>`:n`<p class="quiet">Nothing was compared yet: it is as soon as somebody reads or writes rows of this table.</p>`}
    ${ee(s)}
    ${o.resources?.length?n`<h3>Some that differ</h3><ul class="plain-list">${o.resources.map(l=>n`<li><code>${l.resource}</code>: ${l.columns.join(", ")}</li>`)}</ul>`:i}
    <p class="actions">
      <button class="primary" @click=${()=>K(t,r,a)}>Put in force for everybody …</button>
      <button @click=${()=>V(t,r,a)}>End the trial …</button>
      <button class="plain" @click=${a}>Look again</button>
    </p>`}function Z(t){let o=Object.entries(t.faults);return n`
    <dt>Requests</dt><dd>${t.requests.toLocaleString()}${t.fellBack?n`, of which ${t.fellBack.toLocaleString()} were answered by the version in force`:i}</dd>
    <dt>Compared</dt><dd>${d(t.rows,"row")} of ${d(t.resources,"resource")}${t.dropped?n`; ${t.dropped.toLocaleString()} not, for want of time`:i}</dd>
    <dt>Differ</dt><dd>${t.differingRows?n`<strong class="lost">${d(t.differingRows,"row")}</strong>`:"none"}${t.missing?n`, ${t.missing.toLocaleString()} missing`:i}${t.extra?n`, ${t.extra.toLocaleString()} more`:i}</dd>
    ${o.length?n`<dt>Faults</dt><dd><strong class="lost">${o.map(([e,a])=>`${e} ${a}`).join(", ")}</strong></dd>`:i}
    ${t.latencyRatio===null?i:n`<dt>Its time</dt><dd>${t.latencyRatio.toFixed(2)} times that of the version in force</dd>`}`}function ee(t){let o=Object.entries(t.columns).sort(([,e],[,a])=>a-e);return o.length?n`<div class="wide" tabindex="0" role="region" aria-label="Where rows differ"><table class="table" aria-label="Columns that differ">
    <thead><tr><th scope="col">Column</th><th scope="col" class="number">Rows</th><th scope="col">Of those compared</th></tr></thead>
    <tbody>${o.map(([e,a])=>n`<tr><td><code>${e}</code></td><td class="number">${a.toLocaleString()}</td>
      <td><meter min="0" max=${Math.max(t.rows,1)} .value=${a} aria-label=${`${e}: ${a} of ${t.rows} rows`}></meter> ${te(a,t.rows)}</td></tr>`)}</tbody>
  </table></div>`:i}function te(t,o){let e=o?100*t/o:0;return`${e<10?e.toFixed(1):Math.round(e)} %`}var oe={promoted:"came into force",superseded:"another was put in force",replaced:"another was tried","rolled-back":"was ended",stopped:"stopped by itself"};function X({history:t,trials:o}){if(t.length<2&&!o.length)return i;let e=t.map(r=>({at:r.at,digest:r.digest,version:r.version,by:r.by,what:r.rolledBack?"in force, taken back":"in force",course:void 0})),a=o.map(r=>({at:r.at,digest:r.digest,version:r.version,by:r.by,what:`${r.mode}, ${r.percent} %: ${oe[r.ended]??r.ended}${r.found?.differingRows?`, ${d(r.found.differingRows,"row")} differed`:""}`,course:r.found?.course})),s=[...e,...a].sort((r,l)=>l.at.localeCompare(r.at));return n`<details><summary>History</summary>
    <div class="wide" tabindex="0" role="region" aria-label="History"><table class="table" aria-label="History"><thead><tr><th scope="col">From</th><th scope="col">Version</th><th scope="col">What</th><th scope="col">Over time</th><th scope="col">By</th></tr></thead>
    <tbody>${s.map(r=>n`<tr><td>${new Date(r.at).toLocaleString()}</td><td>${r.version??""} <code>${v(r.digest)}</code></td><td>${r.what}</td><td>${J(r.course)}</td><td>${r.by}</td></tr>`)}</tbody></table></div>
  </details>`}var A=class extends E{constructor(){super(...arguments);this.table=null;this.sources=[];this.versions=[];this.release=null}static{this.properties={name:{},address:{}}}willUpdate(e){e.has("name")&&(this.table=null,this.load())}load(){return this.work(async e=>{let[a,s,r,l]=await Promise.all([$(`${b}/tables/${this.name}`,{signal:e}),$(`${b}/sources`,{signal:e}),$(`${b}/mappings`,{signal:e}),$(`${b}/tables/${this.name}/release`,{signal:e})]);this.release=l.body,[this.table,this.sources]=[a.body,s.body.sources],this.versions=r.body.mappings.filter(c=>c.tables.includes(this.name)),document.title=a.body.label})}render(){let{table:e,release:a}=this;return!e||!a?n`${this.state(()=>{this.load()})}`:n`
      <p class="crumbs"><a href="/console/">Tables</a></p>
      <div class="bar"><h1>${e.label}</h1>
        ${e.route==="virtual"?n`<span class="badge virtual">Live from ${e.source}</span>`:n`<span class="badge native">Kept here</span>`}
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
            ${e.parent?n`<dt>Part of</dt><dd><a href=${`/console/t/${e.parent}`}>${e.parent}</a>, which decides</dd>`:i}
          </dl>
          ${e.parent?i:n`<p class="actions">
            ${e.route==="virtual"?n`<button class="primary" @click=${()=>x(e,{provider:"native"},()=>{this.load()})}>Turn to “kept here” …</button>`:this.sources.length?this.sources.map(s=>n`<button class="primary" @click=${()=>x(e,{provider:"virtual",source:s.name},()=>{this.load()})}>Turn to “live from ${s.name}” …</button>`):n`<span class="quiet">No FHIR service is configured: name one under <code>[sources.NAME]</code>.</span>`}
          </p>`}
        </section>
        <section class="card"><h2>Mapping</h2>
          <dl class="facts">
            <dt>In force</dt><dd>${e.mapping.name} ${e.mapping.version} <code>${v(e.mapping.digest)}</code></dd>
            <dt>Signed by</dt><dd>${L(this.versions.find(s=>s.digest===e.mapping.digest)?.signer)}</dd>
            <dt>Calls</dt><dd>${d(e.counters.mappingCalls??0,"call")}, ${d(e.counters.mappingFaults??0,"fault")}</dd>
          </dl>
          ${this.versions.length>1?n`<div class="wide" tabindex="0" role="region" aria-label="Versions"><table class="table"><thead><tr><th scope="col">Version</th><th scope="col">Signed by</th><th scope="col">Loaded</th><th scope="col">State</th></tr></thead>
              <tbody>${this.versions.map(s=>n`<tr>
                <td>${s.version} <code>${v(s.digest)}</code></td><td>${L(s.signer)}</td><td>${new Date(s.uploadedAt).toLocaleString()}</td>
                <td>${this.stateOf(e,a,s)}</td>
              </tr>`)}</tbody></table></div>
              <p class="actions"><button @click=${()=>W(e,()=>{this.load()})}>Go back to the version before …</button></p>
              ${X(a)}`:n`<p class="quiet">This is its only version. <a href="/console/mappings">Load another</a> to change how its rows are made.</p>`}
          <p class="actions"><button class="plain danger" @click=${()=>B(e,()=>j("/console/"))}>Take it out of force …</button></p>
        </section>
      </div>
      ${U(e,a,()=>{this.load()})}
      <section class="card"><h2>Columns</h2>
        <div class="wide" tabindex="0" role="region" aria-label="Columns"><table class="table">
          <thead><tr><th scope="col">Column</th><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">FHIR element</th><th scope="col">Searched by</th><th scope="col">Written</th></tr></thead>
          <tbody>${e.columns.map(s=>n`<tr>
            <td>${s.label}${s.required?n`<span class="required" title="Required"> *</span>`:i}</td>
            <td><code>${s.name}</code></td><td>${s.kind}</td><td><code>${s.path}</code></td><td>${re(s)}</td><td>${s.writable?"yes":"no"}</td>
          </tr>`)}</tbody>
        </table></div>
      </section>
      ${se(e)}
    `}stateOf(e,a,s){if(s.digest===e.mapping.digest)return n`in force`;if(s.digest===(a.shadow??a.canary)?.mapping.digest)return n`on trial`;let r=()=>{this.load()};return n`<button class="plain" @click=${()=>H(e,s,r)}>Put in force …</button>
      <button class="plain" @click=${()=>P(e,s,"shadow",r)}>Compare …</button>
      <button class="plain" ?disabled=${e.route==="native"} title=${e.route==="native"?"Only for tables whose rows live in a FHIR service":i}
        @click=${()=>P(e,s,"canary",r)}>Try on some …</button>`}};function re({search:t}){if(!t.length)return n`<span class="quiet">looked at here</span>`;let o=new Map(t.map(({parameter:e})=>[e,t.filter(a=>a.parameter===e)]));return n`${[...o].map(([e,a],s)=>{let r=({resource:l,exact:c,superset:p,sorts:u})=>`${l}: ${[c.length?`exactly ${c.join(", ")}`:"",p.length?`${p.join(", ")} with more rows, looked at again here`:"",u?"sorts":""].filter(Boolean).join("; ")}`;return n`${s?", ":""}<code title=${a.map(r).join(`
`)}>${e}</code>`})}`}function se(t){let o=new URL(`${m}/${t.entitySet}`,window.location.origin).href;return n`<section class="card"><h2>Connect</h2>
    <dl class="facts">
      <dt>OData</dt><dd><code>${o}</code></dd>
      <dt>Power BI</dt><dd><a href=${`${m}/$files/${t.entitySet}.pbids`} download>${t.entitySet}.pbids</a></dd>
      <dt>Excel</dt><dd><a href=${`${m}/$files/${t.entitySet}.odc`} download>${t.entitySet}.odc</a></dd>
      <dt>OpenAPI</dt><dd><a href=${`${m}/$openapi?tables=${t.entitySet}`}>of this table</a></dd>
    </dl>
    ${R("From a shell",`${w("GET",`${m}/${t.entitySet}?$top=5`)} -H "X-API-Key: $KEY"`)}
    ${R("From JavaScript",`const answer = await fetch(${JSON.stringify(`${o}?$top=5`)}, {
  headers: { 'X-API-Key': process.env.KEY },
});
const { value } = await answer.json();
console.log(value);`)}
    ${R("From Python",`import os, requests

answer = requests.get(
    ${JSON.stringify(o)},
    params={"$top": 5},
    headers={"X-API-Key": os.environ["KEY"]},
)
answer.raise_for_status()
print(answer.json()["value"])`)}
    <p class="quiet">The key is one of <a href="/console/keys">the API keys</a>; without a login none is asked for.</p>
  </section>`}customElements.define("console-table",A);
