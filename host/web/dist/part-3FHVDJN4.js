import{b as z,c as X,d as J,e as G,f as Q,g as W,h as Y}from"./part-ZHUXREOM.js";import{a as E,b as _,c as B}from"./part-ZD4QJIED.js";import{b as S}from"./part-OXFRHKAG.js";import{d as H,f as U,g as N}from"./part-OPEACBMC.js";import{a as F,d as w}from"./part-2FETXVJV.js";import{b as K,c as L}from"./part-THRFAO2Q.js";import{a as v,c as y,d as j,e as k,f as T}from"./part-KRQAAHH3.js";import{a as l,c as d,f as g,g as V,u as q}from"./part-QFVSUMPG.js";var oe={contains:"contains",startswith:"begins with",eq:"is",ne:"is not"},le={eq:"is",gt:"is more than",ge:"is at least",lt:"is less than",le:"is at most"},ce={ge:"is from",lt:"is before"},ue={eq:"is",ne:"is not"},C={null:"is empty",notnull:"is filled"};function P(a){switch(a.kind){case"String":case"Memo":return{...oe,...C};case"DateTime":return{...ce,...C};case"Decimal":case"Integer":case"BigInt":case"Double":return{...le,...C};case"Lookup":return{...C};default:return{...ue,...C}}}function Z(a){try{let o=JSON.parse(a??"[]");return Array.isArray(o)?o.filter(t=>["column","test","value"].every(e=>typeof t?.[e]=="string")):[]}catch{return[]}}function D(a,o){return a?.kind==="DateTime"&&!a.day?X(o.trim()):o.trim()}function ee(a,o){return a.flatMap(({column:t,test:e,value:r})=>{let i=o.find(s=>s.property===t);if(!i||!(e in P(i)))return[];if(e==="null")return[`${t} eq null`];if(e==="notnull")return[`${t} ne null`];if(r==="")return[];let n=i.kind==="String"||i.kind==="Memo"?k(r):D(i,r);return[e==="contains"||e==="startswith"?`${e}(${t},${n})`:`${t} ${e} ${n}`]})}function te(a,o,t){let e=o.filter(n=>n.kind!=="Key"),r=(n,s)=>t(a.map((c,m)=>m===n?{...c,...s}:c)),i=()=>{let n=e[0];n&&t([...a,{column:n.property,test:Object.keys(P(n))[0]??"eq",value:""}])};return l`<div class="filters" role="group" aria-label="Filter">
    ${a.map((n,s)=>{let c=o.find(u=>u.property===n.column)??e[0];if(!c)return d;let m=P(c),h=u=>u.target.value;return l`<span class="condition">
        <select aria-label="Column" @change=${u=>{let p=o.find($=>$.property===h(u));r(s,{column:h(u),test:p?Object.keys(P(p))[0]??"eq":"eq",value:""})}}>
          ${e.map(u=>l`<option value=${u.property} ?selected=${u===c}>${u.label}</option>`)}
        </select>
        <select aria-label="Test" @change=${u=>r(s,{test:h(u)})}>
          ${Object.entries(m).map(([u,p])=>l`<option value=${u} ?selected=${u===n.test}>${p}</option>`)}
        </select>
        ${n.test==="null"||n.test==="notnull"?d:de(c,n,u=>r(s,{value:u}))}
        <button class="plain" aria-label="Remove this condition" @click=${()=>t(a.filter((u,p)=>p!==s))}>×</button>
      </span>`})}
    <button class="plain add" @click=${i}>+ Filter</button>
  </div>`}function de(a,o,t){let e=r=>t(r.target.value);if(a.choices.length)return l`<select aria-label="Value" @change=${e}>
      <option value=""></option>
      ${a.choices.map(r=>l`<option value=${r.value} ?selected=${String(r.value)===o.value}>${r.label}</option>`)}
    </select>`;if(a.kind==="Boolean")return l`<select aria-label="Value" @change=${e}>
      <option value=""></option>
      <option value="true" ?selected=${o.value==="true"}>Yes</option>
      <option value="false" ?selected=${o.value==="false"}>No</option>
    </select>`;if(a.kind==="DateTime"&&/^(\d{4}-\d{2}-\d{2})?$/.test(o.value)){let r=i=>!J(i)&&!i.value.startsWith("0");return l`<input type="date" aria-label="Value" max="9999-12-31" .value=${o.value} @change=${i=>r(i.target)?e(i):void 0}>`}return l`<input aria-label="Value" .value=${o.value} @change=${e}>`}function ne({table:a,columns:o},t,e){let r=o.filter(p=>p.kind!=="Key"&&p.update),[i,n,s]=[r[0],void 0,-1],c=[],m=t,h=p=>`${v}/${a.set}(${String(p[a.key])})`,u=p=>a.title&&p[a.title]!=null?String(p[a.title]):String(p[a.key]);E(`Change ${S(t.length,"row")}`,(p,$)=>{let x=()=>i&&n?Q([i],new Map([[i.name,n]])):"{}",O=async()=>{for(c=[],s=0;s<m.length;s++){$();let f=m[s],b=f["@odata.etag"];try{await y(h(f),{method:"PATCH",body:x(),headers:typeof b=="string"?{"if-match":b}:{}})}catch(M){c=[...c,{row:f,refusal:M instanceof g?M:new g(0,"Page",String(M))}]}}s=-1,e(),m=c.map(f=>f.row),c.length?$():p()};return l`
      <div class="field"><label for="change-column">Column</label><select id="change-column" ?disabled=${s>=0} @change=${f=>{i=r.find(b=>b.name===f.target.value),n=void 0,$()}}>${r.map(f=>l`<option value=${f.name} ?selected=${f===i}>${f.label}</option>`)}</select></div>
      ${i?G({column:i,row:{},put:n,wrong:null,editable:s<0,change:f=>{n=f,$()}}):l`<p>No column of this table can be changed.</p>`}
      ${c.length?l`<div role="alert"><p><strong>${S(c.length,"row")} stayed as ${c.length===1?"it was":"they were"}.</strong> The others are changed.</p>
            ${c.slice(0,5).map(f=>l`<p>${u(f.row)}</p>${q(f.refusal)}`)}
            ${c.length>5?l`<p>and ${c.length-5} more</p>`:d}</div>`:d}
      ${n?B(m.map(f=>_("PATCH",h(f),x())).join(`
`)):d}
      <p class="actions">
        <button class="primary" ?disabled=${s>=0||!n} @click=${()=>{O()}}>${s>=0?`${s+1} of ${m.length} …`:c.length?"Try these again":"Change"}</button>
        <button class="plain" ?disabled=${s>=0} @click=${p}>${c.length?"Close":"Leave as they are"}</button>
      </p>`})}async function I(a,o){let t=`${v}/userqueries${T({$select:"userqueryid,name,fetchxml",$filter:`returnedtypecode eq ${k(a.name)}`})}`,{body:e}=await y(t,o?{signal:o}:{});return e.value.map(i=>({id:String(i.userqueryid),name:String(i.name),columns:pe(String(i.fetchxml))})).sort((i,n)=>i.name.localeCompare(n.name))}function pe(a){return[...new DOMParser().parseFromString(a,"application/xml").querySelectorAll("fetch > entity > attribute")].map(t=>t.getAttribute("name")??"")}var me={contains:"like",startswith:"like",null:"null",notnull:"not-null"};function he({table:a,columns:o,conditions:t,search:e,sorted:r}){let i=document.implementation.createDocument(null,"fetch"),n=R(i,i.documentElement,"entity",{name:a.name});for(let m of[a.key,...o.map(h=>h.name)])R(i,n,"attribute",{name:m});if(r){let m=o.find(h=>h.property===r.column)?.name??r.column;R(i,n,"order",{attribute:m,descending:String(r.descending)})}let s=R(i,n,"filter",{type:"and"}),c=m=>m.replace(/[[%_]/g,"[$&]");e&&a.title&&R(i,s,"condition",{attribute:a.title,operator:"like",value:`%${c(e)}%`});for(let{column:m,test:h,value:u}of t){let p=o.find(b=>b.property===m),$=p?.name??m.replace(/^_(.*)_value$/,"$1"),x=me[h]??h,O=h==="null"||h==="notnull";if(!O&&u==="")continue;let f=h==="contains"?`%${c(u)}%`:h==="startswith"?`${c(u)}%`:p?.kind==="DateTime"?D(p,u):u;R(i,s,"condition",{attribute:$,operator:x,...O?{}:{value:f}})}return s.childElementCount||s.remove(),new XMLSerializer().serializeToString(i)}function R(a,o,t,e){let r=a.createElement(t);for(let[i,n]of Object.entries(e))r.setAttribute(i,n);return o.append(r),r}function ie(a,o,{choose:t,keep:e,drop:r}){let i=n=>{n.target instanceof HTMLButtonElement&&(n.currentTarget.closest("details").open=!1)};return l`<details class="menu">
    <summary>${o?o.name:"Views"}</summary>
    <div class="card" @click=${i}>
      <button class="plain" aria-pressed=${String(!o)} @click=${()=>t(null)}>All rows</button>
      ${a.map(n=>l`<span class="row"><button class="plain" aria-pressed=${String(n===o)} @click=${()=>t(n.id)}>${n.name}</button>
        <button class="plain danger" aria-label=${`Delete the view ${n.name}`} @click=${()=>r(n)}>×</button></span>`)}
      ${o?d:l`<button class="plain add" @click=${e}>Keep this list as a view …</button>`}
    </div>
  </details>`}function re(a,o){let[t,e]=["",null];E("Keep this list as a view",(r,i)=>{let n=async()=>{try{let s={name:t,returnedtypecode:a.table.name,fetchxml:he(a)},c=await y(`${v}/userqueries`,{method:"POST",body:s,headers:{prefer:"return=representation"}});r(),o(String(c.body.userqueryid))}catch(s){e=s instanceof g?s:new g(0,"Page",String(s)),i()}};return l`<form @submit=${s=>{s.preventDefault(),n()}}>
      <div class="field"><label for="view-name">Name</label><input id="view-name" required maxlength="200" .value=${t} @input=${s=>t=s.target.value}></div>
      <p class="quiet">Its columns, conditions and order are kept, for everybody who sees the table. Conditions stand in it as they are typed: no names of patients in a view that others read.</p>
      ${e?q(e):d}
      <p class="actions"><button class="primary">Keep</button> <button type="button" class="plain" @click=${r}>Do not</button></p>
    </form>`})}function ae(a,o){let t=null;E(`Delete the view “${a.name}”?`,(e,r)=>{let i=async()=>{try{await y(`${v}/userqueries(${a.id})`,{method:"DELETE"}),e(),o()}catch(n){t=n instanceof g?n:new g(0,"Page",String(n)),r()}};return l`<p>It goes for everybody. No row is touched.</p>
      ${t?q(t):d}
      <p class="actions"><button class="primary danger" @click=${()=>{i()}}>Delete</button> <button class="plain" @click=${e}>Keep</button></p>`})}var se=100,A=class extends K{constructor(){super(...arguments);this.schema=null;this.where=null;this.here=[];this.rows=[];this.total=null;this.next=null;this.asked="";this.loaded=!1;this.more=!1;this.marked=new Set;this.views=[]}static{this.properties={set:{},address:{}}}willUpdate(t){t.has("set")&&([this.schema,this.where,this.rows,this.loaded,this.asked,this.marked,this.views]=[null,null,[],!1,"",new Set,[]]),(t.has("set")||t.has("address"))&&this.load()}get place(){return F("/app/")}get waitsFor(){return this.where==="native"?"the server is slow":"the rows come from a FHIR service, which is slow"}get conditions(){return Z(this.place.fragment.get("f"))}get sorted(){let[t,e]=(this.place.query.get("sort")??"").split(".");return t?{column:t,descending:e==="desc"}:null}get view(){let t=this.place.query.get("view");return this.views.find(e=>e.id===t)??null}columns(t){let r=(this.view?.columns??[]).flatMap(i=>t.columns.filter(n=>n.name===i&&n.kind!=="Key"));return r.length?r:z(t,this.place.query.get("columns"))}options(t){let{table:e}=t,{view:r}=this;if(r)return{userQuery:r.id};let i=this.place.fragment.get("q"),s=[...i&&e.title?[`contains(${e.title},${k(i)})`]:[],...ee(this.conditions,t.columns)].join(" and "),c=this.sorted;return{$select:[e.key,...this.columns(t).map(m=>m.property)].join(","),$filter:s||void 0,$orderby:c?`${c.column}${c.descending?" desc":""}`:void 0}}async load(t=!1){await this.work(async e=>{let r=await H(this.set);if(!r)throw new g(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=r.label;let[i,n]=await Promise.all([U(r),this.views.length&&!t?this.views:I(r,e)]);if([this.schema,this.views]=[i,n],this.place.query.has("view")&&!this.view)throw new g(404,"NotFound","This view is not there any more.",null,"Choose another, or all rows.");let s=`${v}/${r.set}${T(this.options(this.schema))}`;if(s===this.asked&&!t)return;let{$filter:c}=this.options(this.schema),m=N(r,{$filter:c,$top:1}).then(({where:p,here:$})=>{e.aborted||([this.where,this.here]=[p,$]),this.requestUpdate()}),[h]=await Promise.all([y(`${s}&$count=true`,{signal:e,headers:{prefer:`odata.maxpagesize=${se},odata.include-annotations="*"`}}),m]);[this.asked,this.rows,this.loaded]=[s,[],!0],this.marked=new Set,this.take(h.body);let u=h.body["@odata.count"];this.total=typeof u=="number"?u:null})}take(t){this.rows=[...this.rows,...t.value];let e=t["@odata.nextLink"];this.next=typeof e=="string"?new URL(e).pathname+new URL(e).search:null}async loadMore(){if(!this.next||this.more)return;this.more=!0;let t=this.next;await this.work(async e=>{let{body:r}=await y(t,{signal:e,headers:{prefer:`odata.maxpagesize=${se},odata.include-annotations="*"`}});this.take(r)}),this.more=!1}render(){let{schema:t}=this;if(!t)return l`${this.state(()=>{this.load(!0)})}`;let{table:e}=t,r=this.asked!==`${v}/${e.set}${T(this.options(t))}`,i=this.conditions.length>0||this.place.fragment.has("q");return l`
      <div class="bar">
        <h1>${e.label}</h1>
        ${this.where?W(this.where):d}
        <span class="fill"></span>
        ${e.title&&!this.view?l`<input type="search" data-search aria-label=${`Search ${e.label}`} placeholder="Search by name"
              .value=${this.place.fragment.get("q")??""}
              @change=${n=>w({fragment:{q:n.target.value}})}>`:d}
        ${e.may.create?l`<a class="button primary" href=${`/app/t/${e.set}/new`}>New</a>`:d}
      </div>
      <p class="quiet">${e.description}</p>
      <div class="bar tools">
        ${this.view?l`<span class="quiet">The rows of the view “${this.view.name}”</span>`:te(this.conditions,t.columns,n=>w({fragment:{f:n.length?JSON.stringify(n):null}}))}
        <span class="fill"></span>
        ${this.viewChooser(t)}
        ${this.view?d:this.chooser(t)}
        <button class="plain" @click=${()=>{this.download(e.set)}}>CSV</button>
        <button class="plain" @click=${()=>window.print()}>Print</button>
        ${this.marked.size?l`${e.may.change?l`<button class="plain" @click=${()=>ne(t,this.markedRows(t),()=>{this.load(!0)})}>Change ${this.marked.size} …</button>`:d}
              ${e.may.remove?l`<button class="plain danger" @click=${()=>Y(t,this.markedRows(t),()=>{this.load(!0)})}>Delete ${this.marked.size}</button>`:d}`:d}
      </div>
      ${this.unsearched(t)}
      ${this.state(()=>{this.load(!0)})}
      ${this.loaded&&!this.rows.length&&!this.refusal?i?L("No row fits the filter.",l`<button class="plain" @click=${()=>w({fragment:{f:null,q:null}})}>Show all rows</button>`):L(this.where==="virtual"?"The FHIR service has no rows of this table.":"There are no rows here yet.",e.may.create?l`<p><a href=${`/app/t/${e.set}/new`}>Make the first</a></p>`:d):d}
      ${this.rows.length&&!(r&&this.refusal)?l`<tt-grid class=${r?"stale":d} aria-busy=${r?"true":d}
            .table=${e}
            .columns=${this.columns(t)}
            .rows=${this.rows}
            .sorted=${this.sorted}
            .marked=${this.marked}
            .markable=${e.may.change||e.may.remove}
            .label=${e.label}
            .href=${n=>`/app/t/${e.set}/${String(n[e.key])}`}
            @sorted=${({detail:n})=>!this.view&&w({query:{sort:`${n.column}.${n.descending?"desc":"asc"}`}})}
            @marked=${({detail:n})=>{this.marked=n,this.requestUpdate()}}
            @end=${()=>{this.loadMore()}}
          ></tt-grid>
          <p class="quiet foot" role="status">
            ${this.total===null?S(this.rows.length,"row"):`${this.rows.length.toLocaleString()} of ${S(this.total,"row")}`}
            ${this.next?l` · <button class="plain" @click=${()=>{this.loadMore()}}>More</button>`:d}
          </p>`:d}
    `}unsearched(t){let e=t.columns.filter(i=>this.here.some(n=>n.includes(i.property)));if(!e.length)return d;let r=e.map(i=>i.label).join(", ");return l`<p class="quiet" role="note">The FHIR service cannot search by ${r}: rows are looked at here one by one, which may take longer. A condition that it can search by makes it quick.</p>`}chooser(t){let e=this.columns(t),r=(i,n)=>{let s=n?[...e,i]:e.filter(c=>c!==i);w({query:{columns:s.map(c=>c.property).join(",")}})};return l`<details class="menu">
      <summary>Columns</summary>
      <div class="card">
        <button class="plain" @click=${()=>w({query:{columns:null}})}>As at first</button>
        ${t.columns.filter(i=>i.kind!=="Key").map(i=>l`<label><input type="checkbox" .checked=${e.includes(i)}
              @change=${n=>r(i,n.target.checked)}> ${i.label}</label>`)}
      </div>
    </details>`}async download(t){await this.work(async e=>{let r=await j(this.asked,{signal:e,headers:{accept:"text/csv"}});if(!r.ok)throw V(r,await r.text());let i=document.createElement("a");i.href=URL.createObjectURL(await r.blob()),i.download=`${t}.csv`,i.click(),URL.revokeObjectURL(i.href)})}markedRows(t){return this.rows.filter(e=>this.marked.has(String(e[t.table.key])))}viewChooser(t){let e=n=>w({query:{view:n}}),r=()=>({table:t.table,columns:this.columns(t),conditions:this.conditions,search:this.place.fragment.get("q"),sorted:this.sorted}),i=async n=>{this.views=await I(t.table),e(n),this.requestUpdate()};return ie(this.views,this.view,{choose:e,keep:()=>re(r(),n=>{i(n)}),drop:n=>ae(n,()=>{i(n===this.view?null:this.view?.id??null)})})}};customElements.define("app-list",A);
