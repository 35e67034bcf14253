import{a as R}from"./part-RCH2DW4D.js";import{a as l}from"./part-HQAGZBRA.js";import{b as q,c as y}from"./part-NV6TCAXT.js";import{b as p}from"./part-OXFRHKAG.js";import"./part-2FETXVJV.js";import{b as w}from"./part-OGARQADM.js";import{b,c as g}from"./part-NJ5OCB5B.js";import{a as r,b as d,s as v}from"./part-RLODHPJ5.js";var h={service:"FHIR service",mapping:"mapping",store:"store",wait:"waiting for a turn",part:"part of the plan"},k={scan:"a page of rows",gather:"values of related rows",join:"related rows that a condition asks for",expand:"what hangs on the page",mapping:"rows made of resources, or a resource of a row",wait:"others had their turn"};function m({name:t,kind:o}){return o==="client"?"service":t==="wait"?"wait":t.startsWith("mapping ")?"mapping":t.startsWith("store ")?"store":"part"}var $=class extends w{constructor(){super(...arguments);this.whole=null}static{this.properties={request:{}}}willUpdate(s){s.has("request")&&(this.whole=null,this.load())}get path(){return`${b}/traces/${encodeURIComponent(this.request)}`}load(){return this.work(async s=>{this.whole=(await g(this.path,{signal:s})).body})}render(){let{whole:s}=this,a=`/console/audit?all=1&request=${encodeURIComponent(s?.request??this.request)}`;return r`<p class="crumbs"><a href="/console/requests">Requests</a></p>
      ${s?r`<div class="bar"><h1>${s.method} ${s.route}</h1> ${R(s)}<span class="fill"></span><a class="button" href=${a}>In the audit trail</a></div>`:r`<h1>Request</h1>${this.state(()=>{this.load()})}
          ${this.refusal?r`<p><a href=${a}>Look for it in the audit trail</a></p>`:d}`}
      ${s?r`${this.state()}${M(s)}${I(s)}${y(q("GET",this.path))}`:d}`}};function M(t){let o=t.status===null?"Nobody waited for its end: the client has gone, or its time was up.":v[t.status],s=Object.keys(h).filter(a=>a!=="part").flatMap(a=>{let n=t.spans.filter(e=>m(e)===a);return n.length?[{kind:a,many:n.length,ms:n.reduce((e,i)=>e+i.ms,0)}]:[]});return r`<section class="card"><h2>What became of it</h2>
    <dl class="facts">
      <dt>When</dt><dd title=${t.at}>${new Date(t.at).toLocaleString()}</dd>
      <dt>Took</dt><dd>${l(t.ms)}${s.length?r`: ${s.map(({kind:a,many:n,ms:e},i)=>r`${i?", ":""}${l(e)} ${h[a]}${a==="wait"?"":` in ${p(n,"call")}`}`)}`:d}</dd>
      ${t.table?r`<dt>Table</dt><dd><a href=${`/console/t/${t.table}`}>${t.table}</a> · <a href=${`/console/requests?table=${t.table}`}>its other requests</a></dd>`:d}
      ${t.code?r`<dt>Error code</dt><dd><code>${t.code}</code> ${o??""}</dd>`:d}
      <dt>Request</dt><dd><code>${t.request}</code></dd>
      ${t.parent?r`<dt>Sent by</dt><dd>step <code>${t.parent}</code> of the caller’s own trace</dd>`:d}
    </dl></section>`}function I(t){if(!t.spans.length)return r`<section class="card"><h2>Steps</h2><p class="quiet">It was answered without a step: nothing of the store, a mapping or a FHIR service was asked.</p></section>`;let o=new Map,s=t.spans.map(e=>{let i=e.parent===null?void 0:o.get(e.parent),u=i===void 0?0:i+1;return o.set(e.id,u),Math.min(u,8)}),a=Math.max(t.ms,...t.spans.map(e=>e.startMs+e.ms),.001),n=[...new Set(t.spans.map(m))];return r`<section class="card"><h2>Steps</h2>
    <ul class="legend">${n.map(e=>r`<li><svg class="bar-of ${e}" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10"></rect></svg> ${h[e]}</li>`)}</ul>
    <div class="wide" tabindex="0" role="region" aria-label="Steps"><table class="table waterfall">
      <thead><tr><th scope="col">Step</th><th scope="col" class="number">After</th><th scope="col" class="number">Took</th><th scope="col">In the time of the whole</th></tr></thead>
      <tbody>${t.spans.map((e,i)=>r`<tr>
        <th scope="row" class=${`deep-${s[i]}`}>${e.name} ${e.code?r`<span class="badge bad">${e.code}</span>`:d}<br><small>${W(e)}</small></th>
        <td class="number">${l(e.startMs)}</td><td class="number">${l(e.ms)}</td>
        <td><svg class="bar-of ${m(e)}" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=${`from ${l(e.startMs)} to ${l(e.startMs+e.ms)}`}>
          <rect class="track" width="1000" height="10"></rect>
          <rect x=${Math.min(1e3*e.startMs/a,996)} width=${Math.max(1e3*e.ms/a,4)} height="10"></rect></svg></td>
      </tr>`)}</tbody>
    </table></div>
    ${t.more?r`<p class="quiet">${p(t.more,"more step")} ${t.more===1?"was":"were"} not kept (the limit <code>trace_steps</code>).</p>`:d}
  </section>`}function W(t){let{"turntable.rows":o,"turntable.route":s,"turntable.source":a,"turntable.version":n,"turntable.turns":e,"turntable.of":i,"http.response.status_code":u,"http.response.body.size":f}=t.attributes,c=S=>S!==void 0;return[k[t.name.split(" ")[0]??""]??"",c(e)?`at: ${e}, for ${i}`:"",c(s)?{native:"kept here",virtual:"live from FHIR"}[String(s)]:"",c(o)?p(Number(o),"row"):"",c(n)?`version ${n}`:"",c(a)?`service ${a}`:"",c(u)?`status ${u}`:"",c(f)?`${Number(f).toLocaleString()} bytes`:""].filter(Boolean).join(" · ")}customElements.define("console-request",$);
