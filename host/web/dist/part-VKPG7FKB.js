import{b as $,c as u}from"./part-WU2II6VP.js";import{b as l}from"./part-OXFRHKAG.js";import{b as p,c as m}from"./part-6AB6FTYM.js";import{b as d,c as i}from"./part-GB325NFI.js";import{a as s,b as n}from"./part-6ISMP2AT.js";var c=class extends p{constructor(){super(...arguments);this.sources=[];this.probing="";this.loaded=!1}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async e=>{this.sources=(await i(`${d}/sources`,{signal:e})).body.sources,this.loaded=!0})}async probe(e){this.probing=e;let t=await this.work(async a=>{await i(`${d}/sources/${e}/probe`,{method:"POST",signal:a})});this.probing="",this.requestUpdate(),t&&await this.load()}render(){return s`<h1>FHIR services</h1>
      ${this.state(()=>{this.load()})}
      ${this.loaded&&!this.sources.length?m("No FHIR service is configured.",s`<p>Name one in the configuration, under <code>[sources.NAME]</code>, and start again.</p>`):n}
      ${this.sources.map(e=>s`<section class="card"><h2>${e.name}</h2>
        <dl class="facts">
          <dt>Address</dt><dd><code>${e.url}</code></dd>
          <dt>It is</dt><dd>${e.software??"not known yet: nothing was asked of it"} ${e.fhirVersion?`(FHIR ${e.fhirVersion})`:""}</dd>
          <dt>Tables</dt><dd>${e.tables.length?e.tables.map((t,a)=>s`${a?", ":""}<a href=${`/console/t/${t}`}>${t}</a>`):"none"}</dd>
          <dt>Calls</dt><dd>${l(e.exchanges.requests,"call")}, ${l(e.exchanges.errors,"error")}, tried again ${e.exchanges.retries} times${e.exchanges.requests?`, ${Math.round(e.exchanges.milliseconds/e.exchanges.requests)} ms each`:""}</dd>
          ${e.notAsked.length?s`<dt>Not asked any more</dt><dd>${e.notAsked.map(t=>s`<code>${typeof t=="string"?t:JSON.stringify(t)}</code> `)}</dd>`:n}
        </dl>
        <p class="actions"><button ?disabled=${this.probing===e.name} @click=${()=>{this.probe(e.name)}}>${this.probing===e.name?"Trying it out …":"Try out what it does"}</button></p>
        <p class="quiet">It is only read from. What it does not do is not asked of it any more.</p>
        ${u($("POST",`${d}/sources/${e.name}/probe`))}
        ${e.probe?this.shown(e.probe):n}
      </section>`)}`}shown(e){let t=Object.entries(e.types).filter(([,r])=>(r.resources??0)>0),a=r=>Object.entries(r.parameters).filter(([,{heed:o}])=>o!==null&&o!=="applied").map(([o])=>o),h=r=>r===null?"not known":r?"yes":"no";return s`<h2>Tried out on ${new Date(e.at).toLocaleString()}${e.whole?"":", in part"}</h2>
      <div class="wide" tabindex="0" role="region" aria-label="What the trial has shown"><table class="table">
        <thead><tr><th scope="col">Type</th><th scope="col">Resources</th><th scope="col">Counts</th><th scope="col">Sorts</th><th scope="col">Unknown parameters</th><th scope="col">Parameters without effect</th></tr></thead>
        <tbody>${t.map(([r,o])=>s`<tr><th scope="row">${r}</th><td class="number">${o.resources}</td><td>${h(o.counts)}</td><td>${h(o.sorts)}</td><td>${o.unknownParameters??"not known"}</td><td>${a(o).join(", ")||"none"}</td></tr>`)}</tbody>
      </table></div>`}};customElements.define("console-services",c);
