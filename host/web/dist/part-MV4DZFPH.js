import{a as y,b as g}from"./part-GKPRHCWZ.js";import{b as u,c as $}from"./part-ZD4QJIED.js";import{b as l}from"./part-OXFRHKAG.js";import{b as p,c as m}from"./part-THRFAO2Q.js";import{b as i,c as d}from"./part-KRQAAHH3.js";import{a as s,c as r}from"./part-QFVSUMPG.js";var h=class extends p{constructor(){super(...arguments);this.sources=[];this.probing="";this.health=null;this.loaded=!1}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async t=>{this.sources=(await d(`${i}/sources`,{signal:t})).body.sources,this.loaded=!0,this.ping()})}async ping(){this.health=null,this.health=await y(),this.requestUpdate()}async probe(t){this.probing=t;let e=await this.work(async n=>{await d(`${i}/sources/${t}/probe`,{method:"POST",signal:n})});this.probing="",this.requestUpdate(),e&&await this.load()}render(){return s`<h1>FHIR services</h1>
      ${this.state(()=>{this.load()})}
      ${this.loaded&&!this.sources.length?m("No FHIR service is configured.",s`<p>Name one in the configuration, under <code>[sources.NAME]</code>, and start again.</p>`):r}
      ${this.sources.map(t=>s`<section class="card"><h2>${t.name} ${g(this.health,t.name)}</h2>
        <dl class="facts">
          <dt>Address</dt><dd><code>${t.url}</code></dd>
          <dt>It is</dt><dd>${t.software??"not known yet: nothing was asked of it"} ${t.fhirVersion?`(FHIR ${t.fhirVersion})`:""}</dd>
          <dt>Tables</dt><dd>${t.tables.length?t.tables.map((e,n)=>s`${n?", ":""}<a href=${`/console/t/${e}`}>${e}</a>`):"none"}</dd>
          <dt>Calls</dt><dd>${l(t.exchanges.requests,"call")}, ${l(t.exchanges.errors,"error")}, tried again ${t.exchanges.retries} times${t.exchanges.requests?`, ${Math.round(t.exchanges.milliseconds/t.exchanges.requests)} ms each`:""}</dd>
          ${t.notAsked.length?s`<dt>Not asked any more</dt><dd>${t.notAsked.map(e=>s`<code>${typeof e=="string"?e:JSON.stringify(e)}</code> `)}</dd>`:r}
        </dl>
        <p class="actions"><button ?disabled=${this.probing===t.name} @click=${()=>{this.probe(t.name)}}>${this.probing===t.name?"Trying it out …":"Try out what it does"}</button></p>
        <p class="quiet">It is only read from. What it does not do is not asked of it any more.</p>
        ${$(u("POST",`${i}/sources/${t.name}/probe`))}
        ${t.probe?this.shown(t.probe):r}
      </section>`)}`}shown(t){let e=Object.entries(t.types).filter(([,a])=>(a.resources??0)>0),n=a=>Object.entries(a.parameters).filter(([,{heed:o}])=>o!==null&&o!=="applied").map(([o])=>o),c=a=>a===null?"not known":a?"yes":"no";return s`<h2>Tried out on ${new Date(t.at).toLocaleString()}${t.whole?"":", in part"}</h2>
      <div class="wide" tabindex="0" role="region" aria-label="What the trial has shown"><table class="table">
        <thead><tr><th scope="col">Type</th><th scope="col">Resources</th><th scope="col">Counts</th><th scope="col">Sorts</th><th scope="col">Unknown parameters</th><th scope="col">Parameters without effect</th></tr></thead>
        <tbody>${e.map(([a,o])=>s`<tr><th scope="row">${a}</th><td class="number">${o.resources}</td><td>${c(o.counts)}</td><td>${c(o.sorts)}</td><td>${o.unknownParameters??"not known"}</td><td>${n(o).join(", ")||"none"}</td></tr>`)}</tbody>
      </table></div>`}};customElements.define("console-services",h);
