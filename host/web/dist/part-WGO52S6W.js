import{a as C,b as N}from"./part-RBWOE34J.js";import{a as g}from"./part-XUYPOV2M.js";import{a as I,b as f,c as v}from"./part-NX2RHDAS.js";import{b as $}from"./part-OXFRHKAG.js";import{a as P,b as L}from"./part-NOHHNR6P.js";import{a as o,b as c,k as r,l as m,m as y,n as p}from"./part-F2LQ2LJV.js";function w(s,d,e){let t=`${m}/tables/${s.name}/route`,[a,n,u]=[null,null,!1],S=!1,k=async(h,i)=>{try{let{body:l}=await p(t,{method:"PUT",body:{...d,dry_run:h}});return[a,n]=[l.changes,null],!0}catch(l){return n=l instanceof y?l:new y(0,"Page",String(l)),!1}finally{i()}},b=null,A=async h=>{try{b=Number((await p(`${r}/${s.entitySet}/$count`)).body),h()}catch{b=null}},W=d.provider==="virtual"?`live from “${d.source}”`:"kept here";I(`Turn ${s.label} to ${W}?`,(h,i)=>{S||(S=!0,k(!0,i),A(i));let l=async()=>{u=!0,i(),await k(!1,i)&&(h(),e()),u=!1,i()},R=a?.find(q=>q.table===s.name);return o`
      <p>No row is moved. Apps go on with the same table, columns and addresses; they see the rows of the other place.</p>
      ${R?o`<dl class="facts">
            <dt>Rows seen now</dt><dd>${b===null?"not known":b.toLocaleString()}</dd>
            <dt>Rows kept here</dt><dd>${R.native_rows.toLocaleString()}</dd>
            <dt>Turned with it</dt><dd>${a&&a.length>1?$(a.length-1,"child table"):"nothing else"}</dd>
          </dl>`:n?c:o`<p class="quiet" role="status">Looking what would happen …</p>`}
      ${n?L(n):c}
      ${v(f("PUT",t,JSON.stringify(d)))}
      <p class="actions">
        <button class="primary" ?disabled=${!a||u} @click=${()=>{l()}}>${u?"Turning …":"Turn"}</button>
        <button class="plain" @click=${h}>Leave as it is</button>
      </p>`})}var T=class extends P{constructor(){super(...arguments);this.table=null;this.sources=[];this.versions=[]}static{this.properties={name:{},address:{}}}willUpdate(e){e.has("name")&&(this.table=null,this.load())}load(){return this.work(async e=>{let[t,a,n]=await Promise.all([p(`${m}/tables/${this.name}`,{signal:e}),p(`${m}/sources`,{signal:e}),p(`${m}/mappings`,{signal:e})]);[this.table,this.sources]=[t.body,a.body.sources],this.versions=n.body.mappings.filter(u=>u.tables.includes(this.name)),document.title=t.body.label})}render(){let{table:e}=this;return e?o`
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
            ${e.parent?o`<dt>Part of</dt><dd><a href=${`/console/t/${e.parent}`}>${e.parent}</a>, which decides</dd>`:c}
          </dl>
          ${e.parent?c:o`<p class="actions">
            ${e.route==="virtual"?o`<button class="primary" @click=${()=>w(e,{provider:"native"},()=>{this.load()})}>Turn to “kept here” …</button>`:this.sources.length?this.sources.map(t=>o`<button class="primary" @click=${()=>w(e,{provider:"virtual",source:t.name},()=>{this.load()})}>Turn to “live from ${t.name}” …</button>`):o`<span class="quiet">No FHIR service is configured: name one under <code>[sources.NAME]</code>.</span>`}
          </p>`}
        </section>
        <section class="card"><h2>Mapping</h2>
          <dl class="facts">
            <dt>In force</dt><dd>${e.mapping.name} ${e.mapping.version} <code>${g(e.mapping.digest)}</code></dd>
            <dt>Calls</dt><dd>${$(e.counters.mappingCalls??0,"call")}, ${$(e.counters.mappingFaults??0,"fault")}</dd>
          </dl>
          ${this.versions.length>1?o`<table class="table"><thead><tr><th scope="col">Version</th><th scope="col">Loaded</th><th scope="col">State</th></tr></thead>
              <tbody>${this.versions.map(t=>o`<tr>
                <td>${t.version} <code>${g(t.digest)}</code></td><td>${new Date(t.uploadedAt).toLocaleString()}</td>
                <td>${t.digest===e.mapping.digest?"in force":o`<button class="plain" @click=${()=>C(e,t,()=>{this.load()})}>Put in force …</button>`}</td>
              </tr>`)}</tbody></table>
              <p class="actions"><button @click=${()=>N(e,()=>{this.load()})}>Go back to the version before …</button></p>`:o`<p class="quiet">This is its only version. <a href="/console/mappings">Load another</a> to change how its rows are made.</p>`}
        </section>
      </div>
      <section class="card"><h2>Columns</h2>
        <div class="wide" tabindex="0" role="region" aria-label="Columns"><table class="table">
          <thead><tr><th scope="col">Column</th><th scope="col">Name</th><th scope="col">Kind</th><th scope="col">FHIR element</th><th scope="col">Written</th></tr></thead>
          <tbody>${e.columns.map(t=>o`<tr>
            <td>${t.label}${t.required?o`<span class="required" title="Required"> *</span>`:c}</td>
            <td><code>${t.name}</code></td><td>${t.kind}</td><td><code>${t.path}</code></td><td>${t.writable?"yes":"no"}</td>
          </tr>`)}</tbody>
        </table></div>
      </section>
      ${x(e)}
    `:o`${this.state(()=>{this.load()})}`}};function x(s){let d=new URL(`${r}/${s.entitySet}`,window.location.origin).href;return o`<section class="card"><h2>Connect</h2>
    <dl class="facts">
      <dt>OData</dt><dd><code>${d}</code></dd>
      <dt>Power BI</dt><dd><a href=${`${r}/$files/${s.entitySet}.pbids`} download>${s.entitySet}.pbids</a></dd>
      <dt>Excel</dt><dd><a href=${`${r}/$files/${s.entitySet}.odc`} download>${s.entitySet}.odc</a></dd>
      <dt>OpenAPI</dt><dd><a href=${`${r}/$openapi?tables=${s.entitySet}`}>of this table</a></dd>
    </dl>
    ${v(f("GET",`${r}/${s.entitySet}?$top=5`))}
  </section>`}customElements.define("console-table",T);
