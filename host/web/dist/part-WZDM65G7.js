import{a as n,d as p}from"./part-2FETXVJV.js";import{a as u,c as g}from"./part-NOHHNR6P.js";import{a as s,b as l,l as d,n as h,p as c}from"./part-F2LQ2LJV.js";var o=class extends u{constructor(){super(...arguments);this.entries=[];this.next=null;this.loaded=!1}static{this.properties={address:{}}}willUpdate(e){e.has("address")&&this.load(null)}load(e){return this.work(async i=>{let t=n("/console/").query,a={table:t.get("table")??void 0,caller:t.get("caller")??void 0,limit:100},{body:r}=await h(e??`${d}/audit${c(a)}`,{signal:i});this.entries=e?[...this.entries,...r.events]:r.events,[this.next,this.loaded]=[r["@next"]??null,!0]})}render(){let e=n("/console/").query,i=(t,a)=>s`<label>${a} <input .value=${e.get(t)??""} @change=${r=>p({query:{[t]:r.target.value}})}></label>`;return s`<div class="bar"><h1>Audit</h1><span class="fill"></span>${i("table","Table")} ${i("caller","Who")}</div>
      ${this.state(()=>{this.load(null)})}
      ${this.loaded&&!this.entries.length&&!this.refusal?g("Nothing was done that fits."):l}
      ${this.entries.length?s`<div class="grid" tabindex="0"><table aria-label="Audit">
            <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Table</th><th scope="col">How</th></tr></thead>
            <tbody>${this.entries.map(t=>s`<tr><td title=${t.at}>${new Date(t.at).toLocaleString()}</td><td>${t.actor}</td><td>${t.action}</td><td>${t.table??""}</td>
              <td><code>${t.detail===void 0?"":JSON.stringify(t.detail)}</code></td></tr>`)}</tbody>
          </table></div>
          ${this.next?s`<p class="foot"><button class="plain" @click=${()=>{this.load(this.next)}}>Older</button></p>`:l}`:l}`}};customElements.define("console-audit",o);
