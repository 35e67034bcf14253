import{b as z,c as X,d as J,e as G,f as Q,g as W,h as Y}from"./part-FCMHROE3.js";import{a as E,b as _,c as B}from"./part-ZD4QJIED.js";import{b as S}from"./part-OXFRHKAG.js";import{d as H,f as U,g as N}from"./part-ABZ5TTUJ.js";import{a as F,d as w}from"./part-2FETXVJV.js";import{b as K,c as L}from"./part-THRFAO2Q.js";import{a as v,c as y,d as j,e as k,f as T}from"./part-KRQAAHH3.js";import{a as c,c as m,f as g,g as V,u as q}from"./part-QFVSUMPG.js";var oe={contains:"contains",startswith:"begins with",eq:"is",ne:"is not"},le={eq:"is",gt:"is more than",ge:"is at least",lt:"is less than",le:"is at most"},ce={ge:"is from",lt:"is before"},ue={eq:"is",ne:"is not"},C={null:"is empty",notnull:"is filled"};function P(s){switch(s.kind){case"String":case"Memo":return{...oe,...C};case"DateTime":return{...ce,...C};case"Decimal":case"Integer":case"BigInt":case"Double":return{...le,...C};case"Lookup":return{...C};default:return{...ue,...C}}}function Z(s){try{let o=JSON.parse(s??"[]");return Array.isArray(o)?o.filter(e=>["column","test","value"].every(t=>typeof e?.[t]=="string")):[]}catch{return[]}}function D(s,o){return s?.kind==="DateTime"&&!s.day?X(o.trim()):o.trim()}function ee(s,o){return s.flatMap(({column:e,test:t,value:r})=>{let i=o.find(a=>a.property===e);if(!i||!(t in P(i)))return[];if(t==="null")return[`${e} eq null`];if(t==="notnull")return[`${e} ne null`];if(r==="")return[];let n=i.kind==="String"||i.kind==="Memo"?k(r):D(i,r);return[t==="contains"||t==="startswith"?`${t}(${e},${n})`:`${e} ${t} ${n}`]})}function te(s,o,e){let t=o.filter(n=>n.kind!=="Key"),r=(n,a)=>e(s.map((l,p)=>p===n?{...l,...a}:l)),i=()=>{let n=t[0];n&&e([...s,{column:n.property,test:Object.keys(P(n))[0]??"eq",value:""}])};return c`<div class="filters" role="group" aria-label="Filter">
    ${s.map((n,a)=>{let l=o.find(u=>u.property===n.column)??t[0];if(!l)return m;let p=P(l),h=u=>u.target.value;return c`<span class="condition">
        <select aria-label="Column" @change=${u=>{let d=o.find($=>$.property===h(u));r(a,{column:h(u),test:d?Object.keys(P(d))[0]??"eq":"eq",value:""})}}>
          ${t.map(u=>c`<option value=${u.property} ?selected=${u===l}>${u.label}</option>`)}
        </select>
        <select aria-label="Test" @change=${u=>r(a,{test:h(u)})}>
          ${Object.entries(p).map(([u,d])=>c`<option value=${u} ?selected=${u===n.test}>${d}</option>`)}
        </select>
        ${n.test==="null"||n.test==="notnull"?m:de(l,n,u=>r(a,{value:u}))}
        <button class="plain" aria-label="Remove this condition" @click=${()=>e(s.filter((u,d)=>d!==a))}>×</button>
      </span>`})}
    <button class="plain add" @click=${i}>+ Filter</button>
  </div>`}function de(s,o,e){let t=r=>e(r.target.value);if(s.choices.length)return c`<select aria-label="Value" @change=${t}>
      <option value=""></option>
      ${s.choices.map(r=>c`<option value=${r.value} ?selected=${String(r.value)===o.value}>${r.label}</option>`)}
    </select>`;if(s.kind==="Boolean")return c`<select aria-label="Value" @change=${t}>
      <option value=""></option>
      <option value="true" ?selected=${o.value==="true"}>Yes</option>
      <option value="false" ?selected=${o.value==="false"}>No</option>
    </select>`;if(s.kind==="DateTime"&&/^(\d{4}-\d{2}-\d{2})?$/.test(o.value)){let r=i=>!J(i)&&!i.value.startsWith("0");return c`<input type="date" aria-label="Value" max="9999-12-31" .value=${o.value} @change=${i=>r(i.target)?t(i):void 0}>`}return c`<input aria-label="Value" .value=${o.value} @change=${t}>`}function ne({table:s,columns:o},e,t){let r=o.filter(d=>d.kind!=="Key"&&d.update),[i,n,a]=[r[0],void 0,-1],l=[],p=e,h=d=>`${v}/${s.set}(${String(d[s.key])})`,u=d=>s.title&&d[s.title]!=null?String(d[s.title]):String(d[s.key]);E(`Change ${S(e.length,"row")}`,(d,$)=>{let x=()=>i&&n?Q([i],new Map([[i.name,n]])):"{}",O=async()=>{for(l=[],a=0;a<p.length;a++){$();let f=p[a],b=f["@odata.etag"];try{await y(h(f),{method:"PATCH",body:x(),headers:typeof b=="string"?{"if-match":b}:{}})}catch(M){l=[...l,{row:f,refusal:M instanceof g?M:new g(0,"Page",String(M))}]}}a=-1,t(),p=l.map(f=>f.row),l.length?$():d()};return c`
      <div class="field"><label for="change-column">Column</label><select id="change-column" ?disabled=${a>=0} @change=${f=>{i=r.find(b=>b.name===f.target.value),n=void 0,$()}}>${r.map(f=>c`<option value=${f.name} ?selected=${f===i}>${f.label}</option>`)}</select></div>
      ${i?G({column:i,row:{},put:n,wrong:null,editable:a<0,change:f=>{n=f,$()}}):c`<p>No column of this table can be changed.</p>`}
      ${l.length?c`<div role="alert"><p><strong>${S(l.length,"row")} stayed as ${l.length===1?"it was":"they were"}.</strong> The others are changed.</p>
            ${l.slice(0,5).map(f=>c`<p>${u(f.row)}</p>${q(f.refusal)}`)}
            ${l.length>5?c`<p>and ${l.length-5} more</p>`:m}</div>`:m}
      ${n?B(p.map(f=>_("PATCH",h(f),x())).join(`
`)):m}
      <p class="actions">
        <button class="primary" ?disabled=${a>=0||!n} @click=${()=>{O()}}>${a>=0?`${a+1} of ${p.length} …`:l.length?"Try these again":"Change"}</button>
        <button class="plain" ?disabled=${a>=0} @click=${d}>${l.length?"Close":"Leave as they are"}</button>
      </p>`})}async function I(s,o){let e=`${v}/userqueries${T({$select:"userqueryid,name,fetchxml",$filter:`returnedtypecode eq ${k(s.name)}`})}`,{body:t}=await y(e,o?{signal:o}:{});return t.value.map(i=>({id:String(i.userqueryid),name:String(i.name),columns:pe(String(i.fetchxml))})).sort((i,n)=>i.name.localeCompare(n.name))}function pe(s){return[...new DOMParser().parseFromString(s,"application/xml").querySelectorAll("fetch > entity > attribute")].map(e=>e.getAttribute("name")??"")}var me={contains:"like",startswith:"like",null:"null",notnull:"not-null"};function he({table:s,columns:o,conditions:e,search:t,sorted:r}){let i=document.implementation.createDocument(null,"fetch"),n=R(i,i.documentElement,"entity",{name:s.name});for(let p of[s.key,...o.map(h=>h.name)])R(i,n,"attribute",{name:p});if(r){let p=o.find(h=>h.property===r.column)?.name??r.column;R(i,n,"order",{attribute:p,descending:String(r.descending)})}let a=R(i,n,"filter",{type:"and"}),l=p=>p.replace(/[[%_]/g,"[$&]");t&&s.title&&R(i,a,"condition",{attribute:s.title,operator:"like",value:`%${l(t)}%`});for(let{column:p,test:h,value:u}of e){let d=o.find(b=>b.property===p),$=d?.name??p.replace(/^_(.*)_value$/,"$1"),x=me[h]??h,O=h==="null"||h==="notnull";if(!O&&u==="")continue;let f=h==="contains"?`%${l(u)}%`:h==="startswith"?`${l(u)}%`:d?.kind==="DateTime"?D(d,u):u;R(i,a,"condition",{attribute:$,operator:x,...O?{}:{value:f}})}return a.childElementCount||a.remove(),new XMLSerializer().serializeToString(i)}function R(s,o,e,t){let r=s.createElement(e);for(let[i,n]of Object.entries(t))r.setAttribute(i,n);return o.append(r),r}function ie(s,o,{choose:e,keep:t,drop:r}){let i=n=>{n.target instanceof HTMLButtonElement&&(n.currentTarget.closest("details").open=!1)};return c`<details class="menu">
    <summary>${o?o.name:"Views"}</summary>
    <div class="card" @click=${i}>
      <button class="plain" aria-pressed=${String(!o)} @click=${()=>e(null)}>All rows</button>
      ${s.map(n=>c`<span class="row"><button class="plain" aria-pressed=${String(n===o)} @click=${()=>e(n.id)}>${n.name}</button>
        <button class="plain danger" aria-label=${`Delete the view ${n.name}`} @click=${()=>r(n)}>×</button></span>`)}
      ${o?m:c`<button class="plain add" @click=${t}>Keep this list as a view …</button>`}
    </div>
  </details>`}function re(s,o){let[e,t]=["",null];E("Keep this list as a view",(r,i)=>{let n=async()=>{try{let a={name:e,returnedtypecode:s.table.name,fetchxml:he(s)},l=await y(`${v}/userqueries`,{method:"POST",body:a,headers:{prefer:"return=representation"}});r(),o(String(l.body.userqueryid))}catch(a){t=a instanceof g?a:new g(0,"Page",String(a)),i()}};return c`<form @submit=${a=>{a.preventDefault(),n()}}>
      <div class="field"><label for="view-name">Name</label><input id="view-name" required maxlength="200" .value=${e} @input=${a=>e=a.target.value}></div>
      <p class="quiet">Its columns, conditions and order are kept, for everybody who sees the table. Conditions stand in it as they are typed: no names of patients in a view that others read.</p>
      ${t?q(t):m}
      <p class="actions"><button class="primary">Keep</button> <button type="button" class="plain" @click=${r}>Do not</button></p>
    </form>`})}function se(s,o){let e=null;E(`Delete the view “${s.name}”?`,(t,r)=>{let i=async()=>{try{await y(`${v}/userqueries(${s.id})`,{method:"DELETE"}),t(),o()}catch(n){e=n instanceof g?n:new g(0,"Page",String(n)),r()}};return c`<p>It goes for everybody. No row is touched.</p>
      ${e?q(e):m}
      <p class="actions"><button class="primary danger" @click=${()=>{i()}}>Delete</button> <button class="plain" @click=${t}>Keep</button></p>`})}var ae=100,A=class extends K{constructor(){super(...arguments);this.schema=null;this.where=null;this.here=[];this.rows=[];this.total=null;this.next=null;this.asked="";this.loaded=!1;this.more=!1;this.marked=new Set;this.views=[]}static{this.properties={set:{},address:{}}}willUpdate(e){e.has("set")&&([this.schema,this.where,this.rows,this.loaded,this.asked,this.marked,this.views]=[null,null,[],!1,"",new Set,[]]),(e.has("set")||e.has("address"))&&this.load()}get place(){return F("/app/")}get waitsFor(){return this.where==="native"?"the server is slow":"the rows come from a FHIR service, which is slow"}get conditions(){return Z(this.place.fragment.get("f"))}get sorted(){let[e,t]=(this.place.query.get("sort")??"").split(".");return e?{column:e,descending:t==="desc"}:null}get view(){let e=this.place.query.get("view");return this.views.find(t=>t.id===e)??null}columns(e){let r=(this.view?.columns??[]).flatMap(i=>e.columns.filter(n=>n.name===i&&n.kind!=="Key"));return r.length?r:z(e,this.place.query.get("columns"))}options(e){let{table:t}=e,{view:r}=this;if(r)return{userQuery:r.id};let i=this.place.fragment.get("q"),a=[...i&&t.title?[`contains(${t.title},${k(i)})`]:[],...ee(this.conditions,e.columns)].join(" and "),l=this.sorted;return{$select:[t.key,...this.columns(e).map(p=>p.property)].join(","),$filter:a||void 0,$orderby:l?`${l.column}${l.descending?" desc":""}`:void 0}}async load(e=!1){await this.work(async t=>{let r=await H(this.set);if(!r)throw new g(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=r.label;let[i,n]=await Promise.all([U(r),this.views.length&&!e?this.views:I(r,t)]);if([this.schema,this.views]=[i,n],this.place.query.has("view")&&!this.view)throw new g(404,"NotFound","This view is not there any more.",null,"Choose another, or all rows.");let a=`${v}/${r.set}${T(this.options(this.schema))}`;if(a===this.asked&&!e)return;let{$filter:l}=this.options(this.schema),p=N(r,{$filter:l,$top:1}).then(({where:d,here:$})=>{t.aborted||([this.where,this.here]=[d,$]),this.requestUpdate()}),[h]=await Promise.all([y(`${a}&$count=true`,{signal:t,headers:{prefer:`odata.maxpagesize=${ae},odata.include-annotations="*"`}}),p]);[this.asked,this.rows,this.loaded]=[a,[],!0],this.marked=new Set,this.take(h.body);let u=h.body["@odata.count"];this.total=typeof u=="number"?u:null})}take(e){this.rows=[...this.rows,...e.value];let t=e["@odata.nextLink"];this.next=typeof t=="string"?new URL(t).pathname+new URL(t).search:null}async loadMore(){if(!this.next||this.more)return;this.more=!0;let e=this.next;await this.work(async t=>{let{body:r}=await y(e,{signal:t,headers:{prefer:`odata.maxpagesize=${ae},odata.include-annotations="*"`}});this.take(r)}),this.more=!1}render(){let{schema:e}=this;if(!e)return c`${this.state(()=>{this.load(!0)})}`;let{table:t}=e,r=this.asked!==`${v}/${t.set}${T(this.options(e))}`,i=this.conditions.length>0||this.place.fragment.has("q");return c`
      <div class="bar">
        <h1>${t.label}</h1>
        ${this.where?W(this.where):m}
        <span class="fill"></span>
        ${t.title&&!this.view?c`<input type="search" data-search aria-label=${`Search ${t.label}`} placeholder="Search by name"
              .value=${this.place.fragment.get("q")??""}
              @change=${n=>w({fragment:{q:n.target.value}})}>`:m}
        <a class="button primary" href=${`/app/t/${t.set}/new`}>New</a>
      </div>
      <p class="quiet">${t.description}</p>
      <div class="bar tools">
        ${this.view?c`<span class="quiet">The rows of the view “${this.view.name}”</span>`:te(this.conditions,e.columns,n=>w({fragment:{f:n.length?JSON.stringify(n):null}}))}
        <span class="fill"></span>
        ${this.viewChooser(e)}
        ${this.view?m:this.chooser(e)}
        <button class="plain" @click=${()=>{this.download(t.set)}}>CSV</button>
        <button class="plain" @click=${()=>window.print()}>Print</button>
        ${this.marked.size?c`<button class="plain" @click=${()=>ne(e,this.markedRows(e),()=>{this.load(!0)})}>Change ${this.marked.size} …</button>
              <button class="plain danger" @click=${()=>Y(e,this.markedRows(e),()=>{this.load(!0)})}>Delete ${this.marked.size}</button>`:m}
      </div>
      ${this.unsearched(e)}
      ${this.state(()=>{this.load(!0)})}
      ${this.loaded&&!this.rows.length&&!this.refusal?i?L("No row fits the filter.",c`<button class="plain" @click=${()=>w({fragment:{f:null,q:null}})}>Show all rows</button>`):L(this.where==="virtual"?"The FHIR service has no rows of this table.":"There are no rows here yet.",c`<p><a href=${`/app/t/${t.set}/new`}>Make the first</a></p>`):m}
      ${this.rows.length&&!(r&&this.refusal)?c`<tt-grid class=${r?"stale":m} aria-busy=${r?"true":m}
            .table=${t}
            .columns=${this.columns(e)}
            .rows=${this.rows}
            .sorted=${this.sorted}
            .marked=${this.marked}
            .markable=${!0}
            .label=${t.label}
            .href=${n=>`/app/t/${t.set}/${String(n[t.key])}`}
            @sorted=${({detail:n})=>!this.view&&w({query:{sort:`${n.column}.${n.descending?"desc":"asc"}`}})}
            @marked=${({detail:n})=>{this.marked=n,this.requestUpdate()}}
            @end=${()=>{this.loadMore()}}
          ></tt-grid>
          <p class="quiet foot" role="status">
            ${this.total===null?S(this.rows.length,"row"):`${this.rows.length.toLocaleString()} of ${S(this.total,"row")}`}
            ${this.next?c` · <button class="plain" @click=${()=>{this.loadMore()}}>More</button>`:m}
          </p>`:m}
    `}unsearched(e){let t=e.columns.filter(i=>this.here.some(n=>n.includes(i.property)));if(!t.length)return m;let r=t.map(i=>i.label).join(", ");return c`<p class="quiet" role="note">The FHIR service cannot search by ${r}: rows are looked at here one by one, which may take longer. A condition that it can search by makes it quick.</p>`}chooser(e){let t=this.columns(e),r=(i,n)=>{let a=n?[...t,i]:t.filter(l=>l!==i);w({query:{columns:a.map(l=>l.property).join(",")}})};return c`<details class="menu">
      <summary>Columns</summary>
      <div class="card">
        <button class="plain" @click=${()=>w({query:{columns:null}})}>As at first</button>
        ${e.columns.filter(i=>i.kind!=="Key").map(i=>c`<label><input type="checkbox" .checked=${t.includes(i)}
              @change=${n=>r(i,n.target.checked)}> ${i.label}</label>`)}
      </div>
    </details>`}async download(e){await this.work(async t=>{let r=await j(this.asked,{signal:t,headers:{accept:"text/csv"}});if(!r.ok)throw V(r,await r.text());let i=document.createElement("a");i.href=URL.createObjectURL(await r.blob()),i.download=`${e}.csv`,i.click(),URL.revokeObjectURL(i.href)})}markedRows(e){return this.rows.filter(t=>this.marked.has(String(t[e.table.key])))}viewChooser(e){let t=n=>w({query:{view:n}}),r=()=>({table:e.table,columns:this.columns(e),conditions:this.conditions,search:this.place.fragment.get("q"),sorted:this.sorted}),i=async n=>{this.views=await I(e.table),t(n),this.requestUpdate()};return ie(this.views,this.view,{choose:t,keep:()=>re(r(),n=>{i(n)}),drop:n=>se(n,()=>{i(n===this.view?null:this.view?.id??null)})})}};customElements.define("app-list",A);
