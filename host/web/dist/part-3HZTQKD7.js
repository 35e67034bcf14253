import{a as b}from"./part-K4A42MDS.js";import{a as h,c as w,d}from"./part-2FETXVJV.js";import{b as q,c as p}from"./part-THRFAO2Q.js";import{b as $,c as f,f as v}from"./part-KRQAAHH3.js";import{a as t,c as o}from"./part-QFVSUMPG.js";var x=[["","Any answer"],["2xx","Went well"],["4xx,5xx","Went wrong"],["4xx","Refused"],["5xx","Failed"]],T=[["","However long"],["100","Over 100 ms"],["500","Over 500 ms"],["1000","Over 1 s"],["5000","Over 5 s"]],m=class extends q{constructor(){super(...arguments);this.requests=[];this.next=null;this.loaded=!1}static{this.properties={address:{}}}willUpdate(s){s.has("address")&&this.load(null)}load(s){return this.work(async n=>{let c=h("/console/").query,l=u=>c.get(u)??void 0,e=v({table:l("table"),status:l("status"),slower:l("slower"),limit:100}),{body:a}=await f(s??`${$}/traces${e}`,{signal:n});this.requests=s?[...this.requests,...a.traces]:a.traces,[this.next,this.loaded]=[a["@next"]??null,!0]})}render(){let s=h("/console/").query,n=(e,a,u)=>t`<select aria-label=${a} @change=${i=>d({query:{[e]:i.target.value}})}>
        ${u.map(([i,y])=>t`<option value=${i} ?selected=${i===(s.get(e)??"")}>${y}</option>`)}
      </select>`,c=["table","status","slower"].some(e=>s.get(e)),l=Math.max(1,...this.requests.map(e=>e.ms));return t`<div class="bar"><h1>Requests</h1><span class="fill"></span>
        <label>Table <input .value=${s.get("table")??""} @change=${e=>d({query:{table:e.target.value.trim()}})}></label>
        ${n("status","Answer",x)} ${n("slower","Time",T)}
        <button @click=${()=>{this.load(null)}}>Look again</button></div>
      <form class="bar tools" @submit=${e=>{e.preventDefault();let a=String(new FormData(e.target).get("id")??"").trim();a&&w(`/console/requests/${encodeURIComponent(a)}`)}}>
        <label>The id that an error message shows <input name="id" data-search size="42" spellcheck="false" placeholder="4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"></label>
        <button>Open</button></form>
      ${this.state(()=>{this.load(null)})}
      ${this.loaded&&!this.requests.length&&!this.refusal?c?p("No request that is kept fits.",t`<button class="plain" @click=${()=>d({query:{table:null,status:null,slower:null}})}>Show all requests</button>`):p("Nothing was asked since the server has started.",t`<a href="/app/">Look at some rows</a>`):o}
      ${this.requests.length?t`<div class="grid" tabindex="0"><table aria-label="Requests">
            <thead><tr><th scope="col">When</th><th scope="col">Request</th><th scope="col">Table</th><th scope="col">Answer</th><th scope="col" class="number">Took</th><th scope="col"><span class="hidden">As a bar</span></th><th scope="col" class="number">Waited</th><th scope="col" class="number">Steps</th></tr></thead>
            <tbody>${this.requests.map(e=>t`<tr>
              <td title=${e.at}>${new Date(e.at).toLocaleString()}</td>
              <td><a href=${`/console/requests/${e.request}`}>${e.method} ${e.route}</a></td>
              <td>${e.table?t`<a href=${`/console/t/${e.table}`}>${e.table}</a>`:o}</td>
              <td>${k(e)}</td>
              <td class="number">${b(e.ms)}</td>
              <td><svg class="bar-of" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect width=${100*e.ms/l} height="10"></rect></svg></td>
              <td class="number">${e.waitedMs>=.05?b(e.waitedMs):""}</td>
              <td class="number">${e.steps}</td></tr>`)}</tbody>
          </table></div>
          ${this.next?t`<p class="foot"><button class="plain" @click=${()=>{this.load(this.next)}}>Older</button></p>`:o}
          <p class="quiet foot">The last requests for rows and of administrators. Those that failed, were refused or took long are kept longer than the others; no key, value or condition is.</p>`:o}`}};function k({status:r,code:g}){return r===null?t`<span class="badge bad">given up</span>`:r<400?t`<span class="badge good">${r}</span>`:t`<span class="badge bad">${r}</span> ${g??""}`}customElements.define("console-requests",m);export{k as a};
