import{a as $}from"./part-33QIAGWS.js";import"./part-QTIJVFQB.js";import{a as v,d as n}from"./part-2FETXVJV.js";import{a as T}from"./part-XUYPOV2M.js";import{b as d}from"./part-OXFRHKAG.js";import{a as y,c as g}from"./part-NOHHNR6P.js";import{a as s,b as h,l as c,n as i}from"./part-F2LQ2LJV.js";var b=class extends y{constructor(){super(...arguments);this.tables=[];this.sources=[];this.traffic={}}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async o=>{let[t,l]=await Promise.all([i(`${c}/tables`,{signal:o}),i(`${c}/sources`,{signal:o})]);[this.tables,this.sources]=[t.body.tables,l.body.sources],this.traffic=(await i(`${c}/traffic`,{signal:o})).body.tables})}render(){let{query:o,fragment:t}=v("/console/"),l=(t.get("q")??"").toLowerCase(),[r,p]=[o.get("route")??"",o.get("children")==="yes"],u=this.tables.filter(e=>(p||e.parent===null)&&(!r||e.route===r)&&`${e.label} ${e.name} ${e.resource.join(" ")}`.toLowerCase().includes(l));return s`
      <div class="bar"><h1>Tables</h1><span class="fill"></span>
        <select aria-label="Route" @change=${e=>n({query:{route:e.target.value}})}>
          ${[["","All routes"],["native","Kept here"],["virtual","Live from FHIR"]].map(([e,m])=>s`<option value=${e} ?selected=${e===r}>${m}</option>`)}
        </select>
        <label><input type="checkbox" .checked=${p} @change=${()=>n({query:{children:p?null:"yes"}})}> Child tables</label>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${t.get("q")??""}
          @input=${e=>n({fragment:{q:e.target.value}})}>
      </div>
      ${this.state(()=>{this.load()})}
      ${this.sources.length?s`<ul class="tiles">${this.sources.map(({name:e,url:m,software:R,exchanges:a})=>s`<li><a class="card" href="/console/services">
            <strong>${e}</strong><span>${R??m}</span>
            <small>${d(a.requests,"call")}, ${d(a.errors,"error")}${a.requests?`, ${Math.round(a.milliseconds/a.requests)} ms each`:""}</small>
          </a></li>`)}</ul>`:h}
      ${u.length?s`<div class="grid" tabindex="0"><table aria-label="Tables">
            <thead><tr><th scope="col">Table</th><th scope="col">Rows live</th><th scope="col">FHIR</th><th scope="col">Mapping</th><th scope="col" class="number">Requests</th><th scope="col" class="number">Errors</th><th scope="col" class="number">95 % within</th></tr></thead>
            <tbody>${u.map(e=>s`<tr>
              <td><a href=${`/console/t/${e.name}`}>${e.label}</a></td>
              <td>${e.route==="virtual"?s`<span class="badge virtual">Live from ${e.source}</span>`:s`<span class="badge native">Kept here</span>`}</td>
              <td>${e.resource.join(", ")}</td>
              <td>${e.mapping.name} ${e.mapping.version} <code>${T(e.mapping.digest)}</code></td>
              ${this.figures(e.name)}
            </tr>`)}</tbody>
          </table></div>
          <p class="quiet foot">${d(u.length,"table")}; requests of the last five minutes</p>`:this.tables.length?g("No table fits.",s`<button class="plain" @click=${()=>n({query:{route:null},fragment:{q:null}})}>Show all tables</button>`):h}
    `}figures(o){let t=this.traffic[o];return s`<td class="number">${t?.requests??""}</td><td class="number">${t?.errors||""}</td><td class="number">${t?.p95Ms==null?"":`${Math.ceil(t.p95Ms)} ms`}</td>`}};customElements.define("console-overview",b);var f=class extends ${constructor(){super(...arguments);this.root="/console/";this.title_="Turntable console";this.nav=[{href:"/console/",label:"Tables"},{href:"/console/mappings",label:"Mappings"},{href:"/console/services",label:"FHIR services"},{href:"/console/playground",label:"Playground"},{href:"/console/explorer",label:"Explorer"},{href:"/console/keys",label:"Keys"},{href:"/console/audit",label:"Audit"},{href:"/console/settings",label:"Settings"},{href:"/app/",label:"Rows"}]}show({path:o}){let[t,l]=o,r=window.location.href;switch(t){case void 0:return s`<console-overview .address=${r}></console-overview>`;case"t":return import("./part-AFOL7H5Q.js"),s`<console-table .name=${l??""} .address=${r}></console-table>`;case"mappings":return import("./part-RATOBZIE.js"),s`<console-mappings .address=${r}></console-mappings>`;case"playground":return import("./part-AQ732J3P.js"),s`<console-playground .address=${r}></console-playground>`;case"settings":return import("./part-JJBSKCT6.js"),s`<console-settings></console-settings>`;case"services":return import("./part-O3RTAH63.js"),s`<console-services></console-services>`;case"explorer":return import("./part-FVNY2WYE.js"),s`<console-explorer .address=${r}></console-explorer>`;case"keys":return import("./part-V7ONEYC5.js"),s`<console-keys></console-keys>`;case"audit":return import("./part-V52CJJOM.js"),s`<console-audit .address=${r}></console-audit>`;default:return s`<div class="empty"><p>There is no such page.</p><a href="/console/">To the tables</a></div>`}}};customElements.define("tt-console",f);document.body.append(document.createElement("tt-console"));
