import{a as f}from"./part-DKQCHBB6.js";import"./part-QTIJVFQB.js";import{a as $,d as n}from"./part-2FETXVJV.js";import{a as T}from"./part-XUYPOV2M.js";import{b as c}from"./part-OXFRHKAG.js";import{a as y,c as g}from"./part-NOHHNR6P.js";import{a as t,b as u,l as m,n as h}from"./part-F2LQ2LJV.js";var b=class extends y{constructor(){super(...arguments);this.tables=[];this.sources=[]}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async s=>{let[r,l]=await Promise.all([h(`${m}/tables`,{signal:s}),h(`${m}/sources`,{signal:s})]);[this.tables,this.sources]=[r.body.tables,l.body.sources]})}render(){let{query:s,fragment:r}=$("/console/"),l=(r.get("q")??"").toLowerCase(),[o,i]=[s.get("route")??"",s.get("children")==="yes"],d=this.tables.filter(e=>(i||e.parent===null)&&(!o||e.route===o)&&`${e.label} ${e.name} ${e.resource.join(" ")}`.toLowerCase().includes(l));return t`
      <div class="bar"><h1>Tables</h1><span class="fill"></span>
        <select aria-label="Route" @change=${e=>n({query:{route:e.target.value}})}>
          ${[["","All routes"],["native","Kept here"],["virtual","Live from FHIR"]].map(([e,p])=>t`<option value=${e} ?selected=${e===o}>${p}</option>`)}
        </select>
        <label><input type="checkbox" .checked=${i} @change=${()=>n({query:{children:i?null:"yes"}})}> Child tables</label>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${r.get("q")??""}
          @input=${e=>n({fragment:{q:e.target.value}})}>
      </div>
      ${this.state(()=>{this.load()})}
      ${this.sources.length?t`<ul class="tiles">${this.sources.map(({name:e,url:p,software:k,exchanges:a})=>t`<li><a class="card" href="/console/services">
            <strong>${e}</strong><span>${k??p}</span>
            <small>${c(a.requests,"call")}, ${c(a.errors,"error")}${a.requests?`, ${Math.round(a.milliseconds/a.requests)} ms each`:""}</small>
          </a></li>`)}</ul>`:u}
      ${d.length?t`<div class="grid" tabindex="0"><table aria-label="Tables">
            <thead><tr><th scope="col">Table</th><th scope="col">Rows live</th><th scope="col">FHIR</th><th scope="col">Mapping</th></tr></thead>
            <tbody>${d.map(e=>t`<tr>
              <td><a href=${`/console/t/${e.name}`}>${e.label}</a></td>
              <td>${e.route==="virtual"?t`<span class="badge virtual">Live from ${e.source}</span>`:t`<span class="badge native">Kept here</span>`}</td>
              <td>${e.resource.join(", ")}</td>
              <td>${e.mapping.name} ${e.mapping.version} <code>${T(e.mapping.digest)}</code></td>
            </tr>`)}</tbody>
          </table></div>
          <p class="quiet foot">${c(d.length,"table")}</p>`:this.tables.length?g("No table fits.",t`<button class="plain" @click=${()=>n({query:{route:null},fragment:{q:null}})}>Show all tables</button>`):u}
    `}};customElements.define("console-overview",b);var v=class extends f{constructor(){super(...arguments);this.root="/console/";this.title_="Turntable console";this.nav=[{href:"/console/",label:"Tables"},{href:"/console/mappings",label:"Mappings"},{href:"/console/services",label:"FHIR services"},{href:"/console/explorer",label:"Explorer"},{href:"/console/keys",label:"Keys"},{href:"/console/audit",label:"Audit"},{href:"/app/",label:"Rows"}]}show({path:s}){let[r,l]=s,o=window.location.href;switch(r){case void 0:return t`<console-overview .address=${o}></console-overview>`;case"t":return import("./part-WGO52S6W.js"),t`<console-table .name=${l??""} .address=${o}></console-table>`;case"mappings":return import("./part-LW2ABDHF.js"),t`<console-mappings .address=${o}></console-mappings>`;case"services":return import("./part-O3RTAH63.js"),t`<console-services></console-services>`;case"explorer":return import("./part-NL2PETTQ.js"),t`<console-explorer .address=${o}></console-explorer>`;case"keys":return import("./part-V7ONEYC5.js"),t`<console-keys></console-keys>`;case"audit":return import("./part-WZDM65G7.js"),t`<console-audit .address=${o}></console-audit>`;default:return t`<div class="empty"><p>There is no such page.</p><a href="/console/">To the tables</a></div>`}}};customElements.define("tt-console",v);document.body.append(document.createElement("tt-console"));
