import{b as F,c as _,d as B,e as X,f as J}from"./part-V54CFLKF.js";import{a as C,b as K,c as z}from"./part-NV6TCAXT.js";import{b as k}from"./part-OXFRHKAG.js";import{d as I,f as V,g as H}from"./part-2YVESMN5.js";import{a as U,d as w}from"./part-2FETXVJV.js";import{b as N,c as L}from"./part-OGARQADM.js";import{a as v,c as y,d as D,e as b,f as T}from"./part-NJ5OCB5B.js";import{a as c,b as d,e as $,t as q}from"./part-RLODHPJ5.js";var ie={contains:"contains",startswith:"begins with",eq:"is",ne:"is not"},re={eq:"is",gt:"is more than",ge:"is at least",lt:"is less than",le:"is at most"},se={ge:"is from",lt:"is before"},oe={eq:"is",ne:"is not"},E={null:"is empty",notnull:"is filled"};function P(o){switch(o.kind){case"String":case"Memo":return{...ie,...E};case"DateTime":return{...se,...E};case"Decimal":case"Integer":case"BigInt":case"Double":return{...re,...E};case"Lookup":return{...E};default:return{...oe,...E}}}function G(o){try{let l=JSON.parse(o??"[]");return Array.isArray(l)?l.filter(e=>["column","test","value"].every(t=>typeof e?.[t]=="string")):[]}catch{return[]}}function Q(o,l){return o.flatMap(({column:e,test:t,value:r})=>{let i=l.find(s=>s.property===e);if(!i||!(t in P(i)))return[];if(t==="null")return[`${e} eq null`];if(t==="notnull")return[`${e} ne null`];if(r==="")return[];let n=i.kind==="String"||i.kind==="Memo"?b(r):r.trim();return[t==="contains"||t==="startswith"?`${t}(${e},${n})`:`${e} ${t} ${n}`]})}function Y(o,l,e){let t=l.filter(n=>n.kind!=="Key"),r=(n,s)=>e(o.map((a,p)=>p===n?{...a,...s}:a)),i=()=>{let n=t[0];n&&e([...o,{column:n.property,test:Object.keys(P(n))[0]??"eq",value:""}])};return c`<div class="filters" role="group" aria-label="Filter">
    ${o.map((n,s)=>{let a=l.find(u=>u.property===n.column)??t[0];if(!a)return d;let p=P(a),m=u=>u.target.value;return c`<span class="condition">
        <select aria-label="Column" @change=${u=>{let h=l.find(g=>g.property===m(u));r(s,{column:m(u),test:h?Object.keys(P(h))[0]??"eq":"eq",value:""})}}>
          ${t.map(u=>c`<option value=${u.property} ?selected=${u===a}>${u.label}</option>`)}
        </select>
        <select aria-label="Test" @change=${u=>r(s,{test:m(u)})}>
          ${Object.entries(p).map(([u,h])=>c`<option value=${u} ?selected=${u===n.test}>${h}</option>`)}
        </select>
        ${n.test==="null"||n.test==="notnull"?d:ae(a,n,u=>r(s,{value:u}))}
        <button class="plain" aria-label="Remove this condition" @click=${()=>e(o.filter((u,h)=>h!==s))}>×</button>
      </span>`})}
    <button class="plain add" @click=${i}>+ Filter</button>
  </div>`}function ae(o,l,e){let t=i=>e(i.target.value);if(o.choices.length)return c`<select aria-label="Value" @change=${t}>
      <option value=""></option>
      ${o.choices.map(i=>c`<option value=${i.value} ?selected=${String(i.value)===l.value}>${i.label}</option>`)}
    </select>`;if(o.kind==="Boolean")return c`<select aria-label="Value" @change=${t}>
      <option value=""></option>
      <option value="true" ?selected=${l.value==="true"}>Yes</option>
      <option value="false" ?selected=${l.value==="false"}>No</option>
    </select>`;let r=o.kind==="DateTime"?"2026-01-31":d;return c`<input aria-label="Value" .value=${l.value} placeholder=${r} @change=${t}>`}function W({table:o,columns:l},e,t){let r=l.filter(h=>h.kind!=="Key"&&h.update),[i,n,s]=[r[0],void 0,-1],a=[],p=e,m=h=>`${v}/${o.set}(${String(h[o.key])})`,u=h=>o.title&&h[o.title]!=null?String(h[o.title]):String(h[o.key]);C(`Change ${k(e.length,"row")}`,(h,g)=>{let R=()=>i&&n?B([i],new Map([[i.name,n]])):"{}",O=async()=>{for(a=[],s=0;s<p.length;s++){g();let f=p[s],x=f["@odata.etag"];try{await y(m(f),{method:"PATCH",body:R(),headers:typeof x=="string"?{"if-match":x}:{}})}catch(M){a=[...a,{row:f,refusal:M instanceof $?M:new $(0,"Page",String(M))}]}}s=-1,t(),p=a.map(f=>f.row),a.length?g():h()};return c`
      <div class="field"><label for="change-column">Column</label><select id="change-column" ?disabled=${s>=0} @change=${f=>{i=r.find(x=>x.name===f.target.value),n=void 0,g()}}>${r.map(f=>c`<option value=${f.name} ?selected=${f===i}>${f.label}</option>`)}</select></div>
      ${i?_({column:i,row:{},put:n,wrong:null,editable:s<0,change:f=>{n=f,g()}}):c`<p>No column of this table can be changed.</p>`}
      ${a.length?c`<div role="alert"><p><strong>${k(a.length,"row")} stayed as ${a.length===1?"it was":"they were"}.</strong> The others are changed.</p>
            ${a.slice(0,5).map(f=>c`<p>${u(f.row)}</p>${q(f.refusal)}`)}
            ${a.length>5?c`<p>and ${a.length-5} more</p>`:d}</div>`:d}
      ${n?z(p.map(f=>K("PATCH",m(f),R())).join(`
`)):d}
      <p class="actions">
        <button class="primary" ?disabled=${s>=0||!n} @click=${()=>{O()}}>${s>=0?`${s+1} of ${p.length} …`:a.length?"Try these again":"Change"}</button>
        <button class="plain" ?disabled=${s>=0} @click=${h}>${a.length?"Close":"Leave as they are"}</button>
      </p>`})}async function j(o,l){let e=`${v}/userqueries${T({$select:"userqueryid,name,fetchxml",$filter:`returnedtypecode eq ${b(o.name)}`})}`,{body:t}=await y(e,l?{signal:l}:{});return t.value.map(i=>({id:String(i.userqueryid),name:String(i.name),columns:le(String(i.fetchxml))})).sort((i,n)=>i.name.localeCompare(n.name))}function le(o){return[...new DOMParser().parseFromString(o,"application/xml").querySelectorAll("fetch > entity > attribute")].map(e=>e.getAttribute("name")??"")}var ce={contains:"like",startswith:"like",null:"null",notnull:"not-null"};function ue({table:o,columns:l,conditions:e,search:t,sorted:r}){let i=document.implementation.createDocument(null,"fetch"),n=S(i,i.documentElement,"entity",{name:o.name});for(let p of[o.key,...l.map(m=>m.name)])S(i,n,"attribute",{name:p});if(r){let p=l.find(m=>m.property===r.column)?.name??r.column;S(i,n,"order",{attribute:p,descending:String(r.descending)})}let s=S(i,n,"filter",{type:"and"}),a=p=>p.replace(/[[%_]/g,"[$&]");t&&o.title&&S(i,s,"condition",{attribute:o.title,operator:"like",value:`%${a(t)}%`});for(let{column:p,test:m,value:u}of e){let h=l.find(f=>f.property===p)?.name??p.replace(/^_(.*)_value$/,"$1"),g=ce[m]??m,R=m==="null"||m==="notnull";if(!R&&u==="")continue;let O=m==="contains"?`%${a(u)}%`:m==="startswith"?`${a(u)}%`:u;S(i,s,"condition",{attribute:h,operator:g,...R?{}:{value:O}})}return s.childElementCount||s.remove(),new XMLSerializer().serializeToString(i)}function S(o,l,e,t){let r=o.createElement(e);for(let[i,n]of Object.entries(t))r.setAttribute(i,n);return l.append(r),r}function Z(o,l,{choose:e,keep:t,drop:r}){let i=n=>{n.target instanceof HTMLButtonElement&&(n.currentTarget.closest("details").open=!1)};return c`<details class="menu">
    <summary>${l?l.name:"Views"}</summary>
    <div class="card" @click=${i}>
      <button class="plain" aria-pressed=${String(!l)} @click=${()=>e(null)}>All rows</button>
      ${o.map(n=>c`<span class="row"><button class="plain" aria-pressed=${String(n===l)} @click=${()=>e(n.id)}>${n.name}</button>
        <button class="plain danger" aria-label=${`Delete the view ${n.name}`} @click=${()=>r(n)}>×</button></span>`)}
      ${l?d:c`<button class="plain add" @click=${t}>Keep this list as a view …</button>`}
    </div>
  </details>`}function ee(o,l){let[e,t]=["",null];C("Keep this list as a view",(r,i)=>{let n=async()=>{try{let s={name:e,returnedtypecode:o.table.name,fetchxml:ue(o)},a=await y(`${v}/userqueries`,{method:"POST",body:s,headers:{prefer:"return=representation"}});r(),l(String(a.body.userqueryid))}catch(s){t=s instanceof $?s:new $(0,"Page",String(s)),i()}};return c`<form @submit=${s=>{s.preventDefault(),n()}}>
      <div class="field"><label for="view-name">Name</label><input id="view-name" required maxlength="200" .value=${e} @input=${s=>e=s.target.value}></div>
      <p class="quiet">Its columns, conditions and order are kept, for everybody who sees the table. Conditions stand in it as they are typed: no names of patients in a view that others read.</p>
      ${t?q(t):d}
      <p class="actions"><button class="primary">Keep</button> <button type="button" class="plain" @click=${r}>Do not</button></p>
    </form>`})}function te(o,l){let e=null;C(`Delete the view “${o.name}”?`,(t,r)=>{let i=async()=>{try{await y(`${v}/userqueries(${o.id})`,{method:"DELETE"}),t(),l()}catch(n){e=n instanceof $?n:new $(0,"Page",String(n)),r()}};return c`<p>It goes for everybody. No row is touched.</p>
      ${e?q(e):d}
      <p class="actions"><button class="primary danger" @click=${()=>{i()}}>Delete</button> <button class="plain" @click=${t}>Keep</button></p>`})}var ne=100,A=class extends N{constructor(){super(...arguments);this.schema=null;this.where=null;this.here=[];this.rows=[];this.total=null;this.next=null;this.asked="";this.loaded=!1;this.more=!1;this.marked=new Set;this.views=[]}static{this.properties={set:{},address:{}}}willUpdate(e){e.has("set")&&([this.schema,this.where,this.rows,this.loaded,this.asked,this.marked,this.views]=[null,null,[],!1,"",new Set,[]]),(e.has("set")||e.has("address"))&&this.load()}get place(){return U("/app/")}get waitsFor(){return this.where==="native"?"the server is slow":"the rows come from a FHIR service, which is slow"}get conditions(){return G(this.place.fragment.get("f"))}get sorted(){let[e,t]=(this.place.query.get("sort")??"").split(".");return e?{column:e,descending:t==="desc"}:null}get view(){let e=this.place.query.get("view");return this.views.find(t=>t.id===e)??null}columns(e){let r=(this.view?.columns??[]).flatMap(i=>e.columns.filter(n=>n.name===i&&n.kind!=="Key"));return r.length?r:F(e,this.place.query.get("columns"))}options(e){let{table:t}=e,{view:r}=this;if(r)return{userQuery:r.id};let i=this.place.fragment.get("q"),s=[...i&&t.title?[`contains(${t.title},${b(i)})`]:[],...Q(this.conditions,e.columns)].join(" and "),a=this.sorted;return{$select:[t.key,...this.columns(e).map(p=>p.property)].join(","),$filter:s||void 0,$orderby:a?`${a.column}${a.descending?" desc":""}`:void 0}}async load(e=!1){await this.work(async t=>{let r=await I(this.set);if(!r)throw new $(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=r.label;let[i,n]=await Promise.all([V(r),this.views.length&&!e?this.views:j(r,t)]);if([this.schema,this.views]=[i,n],this.place.query.has("view")&&!this.view)throw new $(404,"NotFound","This view is not there any more.",null,"Choose another, or all rows.");let s=`${v}/${r.set}${T(this.options(this.schema))}`;if(s===this.asked&&!e)return;let{$filter:a}=this.options(this.schema),p=H(r,{$filter:a,$top:1}).then(({where:h,here:g})=>{t.aborted||([this.where,this.here]=[h,g]),this.requestUpdate()}),[m]=await Promise.all([y(`${s}&$count=true`,{signal:t,headers:{prefer:`odata.maxpagesize=${ne},odata.include-annotations="*"`}}),p]);[this.asked,this.rows,this.loaded]=[s,[],!0],this.marked=new Set,this.take(m.body);let u=m.body["@odata.count"];this.total=typeof u=="number"?u:null})}take(e){this.rows=[...this.rows,...e.value];let t=e["@odata.nextLink"];this.next=typeof t=="string"?new URL(t).pathname+new URL(t).search:null}async loadMore(){if(!this.next||this.more)return;this.more=!0;let e=this.next;await this.work(async t=>{let{body:r}=await y(e,{signal:t,headers:{prefer:`odata.maxpagesize=${ne},odata.include-annotations="*"`}});this.take(r)}),this.more=!1}render(){let{schema:e}=this;if(!e)return c`${this.state(()=>{this.load(!0)})}`;let{table:t}=e,r=this.asked!==`${v}/${t.set}${T(this.options(e))}`,i=this.conditions.length>0||this.place.fragment.has("q");return c`
      <div class="bar">
        <h1>${t.label}</h1>
        ${this.where?X(this.where):d}
        <span class="fill"></span>
        ${t.title&&!this.view?c`<input type="search" data-search aria-label=${`Search ${t.label}`} placeholder="Search by name"
              .value=${this.place.fragment.get("q")??""}
              @change=${n=>w({fragment:{q:n.target.value}})}>`:d}
        <a class="button primary" href=${`/app/t/${t.set}/new`}>New</a>
      </div>
      <p class="quiet">${t.description}</p>
      <div class="bar tools">
        ${this.view?c`<span class="quiet">The rows of the view “${this.view.name}”</span>`:Y(this.conditions,e.columns,n=>w({fragment:{f:n.length?JSON.stringify(n):null}}))}
        <span class="fill"></span>
        ${this.viewChooser(e)}
        ${this.view?d:this.chooser(e)}
        <button class="plain" @click=${()=>{this.download(t.set)}}>CSV</button>
        <button class="plain" @click=${()=>window.print()}>Print</button>
        ${this.marked.size?c`<button class="plain" @click=${()=>W(e,this.markedRows(e),()=>{this.load(!0)})}>Change ${this.marked.size} …</button>
              <button class="plain danger" @click=${()=>J(e,this.markedRows(e),()=>{this.load(!0)})}>Delete ${this.marked.size}</button>`:d}
      </div>
      ${this.unsearched(e)}
      ${this.state(()=>{this.load(!0)})}
      ${this.loaded&&!this.rows.length&&!this.refusal?i?L("No row fits the filter.",c`<button class="plain" @click=${()=>w({fragment:{f:null,q:null}})}>Show all rows</button>`):L(this.where==="virtual"?"The FHIR service has no rows of this table.":"There are no rows here yet.",c`<p><a href=${`/app/t/${t.set}/new`}>Make the first</a></p>`):d}
      ${this.rows.length&&!(r&&this.refusal)?c`<tt-grid class=${r?"stale":d} aria-busy=${r?"true":d}
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
            ${this.total===null?k(this.rows.length,"row"):`${this.rows.length.toLocaleString()} of ${k(this.total,"row")}`}
            ${this.next?c` · <button class="plain" @click=${()=>{this.loadMore()}}>More</button>`:d}
          </p>`:d}
    `}unsearched(e){let t=e.columns.filter(i=>this.here.some(n=>n.includes(i.property)));if(!t.length)return d;let r=t.map(i=>i.label).join(", ");return c`<p class="quiet" role="note">The FHIR service cannot search by ${r}: rows are looked at here one by one, which may take longer. A condition that it can search by makes it quick.</p>`}chooser(e){let t=this.columns(e),r=(i,n)=>{let s=n?[...t,i]:t.filter(a=>a!==i);w({query:{columns:s.map(a=>a.property).join(",")}})};return c`<details class="menu">
      <summary>Columns</summary>
      <div class="card">
        <button class="plain" @click=${()=>w({query:{columns:null}})}>As at first</button>
        ${e.columns.filter(i=>i.kind!=="Key").map(i=>c`<label><input type="checkbox" .checked=${t.includes(i)}
              @change=${n=>r(i,n.target.checked)}> ${i.label}</label>`)}
      </div>
    </details>`}async download(e){await this.work(async t=>{let r=await D(this.asked,{signal:t,headers:{accept:"text/csv"}});if(!r.ok)throw new $(r.status,`Http${r.status}`,"The file cannot be made.",null,"Narrow the list by a filter.");let i=document.createElement("a");i.href=URL.createObjectURL(await r.blob()),i.download=`${e}.csv`,i.click(),URL.revokeObjectURL(i.href)})}markedRows(e){return this.rows.filter(t=>this.marked.has(String(t[e.table.key])))}viewChooser(e){let t=n=>w({query:{view:n}}),r=()=>({table:e.table,columns:this.columns(e),conditions:this.conditions,search:this.place.fragment.get("q"),sorted:this.sorted}),i=async n=>{this.views=await j(e.table),t(n),this.requestUpdate()};return Z(this.views,this.view,{choose:t,keep:()=>ee(r(),n=>{i(n)}),drop:n=>te(n,()=>{i(n===this.view?null:this.view?.id??null)})})}};customElements.define("app-list",A);
