import{a as i,d as o}from"./part-2FETXVJV.js";import{a as y,c as b}from"./part-NOHHNR6P.js";import{a as s,b as a,l as p,n as u,p as g}from"./part-F2LQ2LJV.js";var d=class extends y{constructor(){super(...arguments);this.entries=[];this.next=null;this.loaded=!1}static{this.properties={address:{}}}willUpdate(e){e.has("address")&&this.load(null)}load(e){return this.work(async l=>{let t=i("/console/").query,n={table:t.get("table")??void 0,caller:t.get("caller")??void 0,limit:100},{body:r}=await u(e??`${p}/${t.get("all")?"audit":"events"}${g(n)}`,{signal:l});this.entries=e?[...this.entries,...r.events]:r.events,[this.next,this.loaded]=[r["@next"]??null,!0]})}render(){let e=i("/console/").query,l=(t,n)=>s`<label>${n} <input .value=${e.get(t)??""} @change=${r=>o({query:{[t]:r.target.value}})}></label>`;return s`<div class="bar"><h1>Audit</h1><span class="fill"></span>${l("table","Table")} ${l("caller","Who")}
        <label><input type="checkbox" .checked=${!!e.get("all")} @change=${t=>o({query:{all:t.target.checked?"1":""}})}> Reads and writes of rows</label></div>
      ${this.state(()=>{this.load(null)})}
      ${this.loaded&&!this.entries.length&&!this.refusal?b("Nothing was done that fits."):a}
      ${this.entries.length?s`<div class="grid" tabindex="0"><table aria-label="Audit">
            <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Table</th><th scope="col">How</th></tr></thead>
            <tbody>${this.entries.map(t=>s`<tr><td title=${t.at}>${new Date(t.at).toLocaleString()}</td><td>${t.actor}</td><td>${t.action}</td><td>${t.table??""}</td>
              <td><code>${t.detail===void 0?"":m(t.detail)}</code></td></tr>`)}</tbody>
          </table></div>
          ${this.next?s`<p class="foot"><button class="plain" @click=${()=>{this.load(this.next)}}>Older</button></p>`:a}`:a}`}};function m(c){return JSON.stringify(c,(h,e)=>h==="keys"&&Array.isArray(e)?e.length:e)}customElements.define("console-audit",d);
