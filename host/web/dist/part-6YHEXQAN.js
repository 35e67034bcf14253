import{b as o}from"./part-OXFRHKAG.js";import{b as l}from"./part-THRFAO2Q.js";import{b as r,c as i}from"./part-KRQAAHH3.js";import{a as n,c as a}from"./part-QFVSUMPG.js";var s=class extends l{constructor(){super(...arguments);this.settings=null}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async t=>{this.settings=(await i(`${r}/settings`,{signal:t})).body})}render(){let{settings:t}=this,d=t?.limits.filter(e=>e.value!==e.default)??[];return n`<h1>Settings</h1>
      <p class="quiet">They are said in the configuration file and the environment, and read at the start. Secrets are not shown.</p>
      ${this.state(()=>{this.load()})}
      ${t?n`<section class="card"><dl class="facts">
              <dt>Version</dt><dd>turntable ${t.version}</dd>
              <dt>Running since</dt><dd>${new Date(t.started).toLocaleString()}</dd>
              <dt>Limits</dt><dd>${d.length?`${o(d.length,"limit")} set to another value than by default`:"all as by default"}</dd>
            </dl></section>
            <section class="card"><h2>Configuration in force</h2><pre tabindex="0">${t.configuration}</pre></section>
            <h2>Limits</h2>
            <div class="grid" tabindex="0"><table aria-label="Limits">
              <thead><tr><th scope="col">Limit</th><th scope="col" class="number">Value</th><th scope="col" class="number">By default</th></tr></thead>
              <tbody>${t.limits.map(e=>n`<tr><td><code>${e.name}</code>${e.value!==e.default?n` <span class="badge virtual">set</span>`:a}</td><td class="number">${e.value}</td><td class="number">${e.default}</td></tr>`)}</tbody>
            </table></div>`:a}`}};customElements.define("console-settings",s);
