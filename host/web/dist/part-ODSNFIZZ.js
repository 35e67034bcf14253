import{b as K,c as B,d as F,e as X,f as J}from"./part-OTR3HTTY.js";import{d as V,f as I,g as H}from"./part-QTIJVFQB.js";import{a as N,d as w}from"./part-2FETXVJV.js";import{a as q,b as z,c as _}from"./part-NX2RHDAS.js";import{b as k}from"./part-OXFRHKAG.js";import{a as U,b as T,c as L}from"./part-NOHHNR6P.js";import{a as c,b as f,e as D,k as y,m as g,n as $,o as b,p as x}from"./part-F2LQ2LJV.js";var ie={contains:"contains",startswith:"begins with",eq:"is",ne:"is not"},re={eq:"is",gt:"is more than",ge:"is at least",lt:"is less than",le:"is at most"},oe={ge:"is from",lt:"is before"},ae={eq:"is",ne:"is not"},C={null:"is empty",notnull:"is filled"};function P(a){switch(a.kind){case"String":case"Memo":return{...ie,...C};case"DateTime":return{...oe,...C};case"Decimal":case"Integer":case"BigInt":case"Double":return{...re,...C};case"Lookup":return{...C};default:return{...ae,...C}}}function G(a){try{let l=JSON.parse(a??"[]");return Array.isArray(l)?l.filter(e=>["column","test","value"].every(n=>typeof e?.[n]=="string")):[]}catch{return[]}}function Q(a,l){return a.flatMap(({column:e,test:n,value:r})=>{let t=l.find(o=>o.property===e);if(!t||!(n in P(t)))return[];if(n==="null")return[`${e} eq null`];if(n==="notnull")return[`${e} ne null`];if(r==="")return[];let i=t.kind==="String"||t.kind==="Memo"?b(r):r.trim();return[n==="contains"||n==="startswith"?`${n}(${e},${i})`:`${e} ${n} ${i}`]})}function Y(a,l,e){let n=l.filter(i=>i.kind!=="Key"),r=(i,o)=>e(a.map((s,d)=>d===i?{...s,...o}:s)),t=()=>{let i=n[0];i&&e([...a,{column:i.property,test:Object.keys(P(i))[0]??"eq",value:""}])};return c`<div class="filters" role="group" aria-label="Filter">
    ${a.map((i,o)=>{let s=l.find(u=>u.property===i.column)??n[0];if(!s)return f;let d=P(s),p=u=>u.target.value;return c`<span class="condition">
        <select aria-label="Column" @change=${u=>{let m=l.find(v=>v.property===p(u));r(o,{column:p(u),test:m?Object.keys(P(m))[0]??"eq":"eq",value:""})}}>
          ${n.map(u=>c`<option value=${u.property} ?selected=${u===s}>${u.label}</option>`)}
        </select>
        <select aria-label="Test" @change=${u=>r(o,{test:p(u)})}>
          ${Object.entries(d).map(([u,m])=>c`<option value=${u} ?selected=${u===i.test}>${m}</option>`)}
        </select>
        ${i.test==="null"||i.test==="notnull"?f:se(s,i,u=>r(o,{value:u}))}
        <button class="plain" aria-label="Remove this condition" @click=${()=>e(a.filter((u,m)=>m!==o))}>×</button>
      </span>`})}
    <button class="plain add" @click=${t}>+ Filter</button>
  </div>`}function se(a,l,e){let n=t=>e(t.target.value);if(a.choices.length)return c`<select aria-label="Value" @change=${n}>
      <option value=""></option>
      ${a.choices.map(t=>c`<option value=${t.value} ?selected=${String(t.value)===l.value}>${t.label}</option>`)}
    </select>`;if(a.kind==="Boolean")return c`<select aria-label="Value" @change=${n}>
      <option value=""></option>
      <option value="true" ?selected=${l.value==="true"}>Yes</option>
      <option value="false" ?selected=${l.value==="false"}>No</option>
    </select>`;let r=a.kind==="DateTime"?"2026-01-31":f;return c`<input aria-label="Value" .value=${l.value} placeholder=${r} @change=${n}>`}function W({table:a,columns:l},e,n){let r=l.filter(m=>m.kind!=="Key"&&m.update),[t,i,o]=[r[0],void 0,-1],s=[],d=e,p=m=>`${y}/${a.set}(${String(m[a.key])})`,u=m=>a.title&&m[a.title]!=null?String(m[a.title]):String(m[a.key]);q(`Change ${k(e.length,"row")}`,(m,v)=>{let R=()=>t&&i?F([t],new Map([[t.name,i]])):"{}",O=async()=>{for(s=[],o=0;o<d.length;o++){v();let h=d[o],E=h["@odata.etag"];try{await $(p(h),{method:"PATCH",body:R(),headers:typeof E=="string"?{"if-match":E}:{}})}catch(M){s=[...s,{row:h,refusal:M instanceof g?M:new g(0,"Page",String(M))}]}}o=-1,n(),d=s.map(h=>h.row),s.length?v():m()};return c`
      <div class="field"><label for="change-column">Column</label><select id="change-column" ?disabled=${o>=0} @change=${h=>{t=r.find(E=>E.name===h.target.value),i=void 0,v()}}>${r.map(h=>c`<option value=${h.name} ?selected=${h===t}>${h.label}</option>`)}</select></div>
      ${t?B({column:t,row:{},put:i,wrong:null,editable:o<0,change:h=>{i=h,v()}}):c`<p>No column of this table can be changed.</p>`}
      ${s.length?c`<div role="alert"><p><strong>${k(s.length,"row")} stayed as ${s.length===1?"it was":"they were"}.</strong> The others are changed.</p>
            ${s.slice(0,5).map(h=>c`<p>${u(h.row)}</p>${T(h.refusal)}`)}
            ${s.length>5?c`<p>and ${s.length-5} more</p>`:f}</div>`:f}
      ${i?_(d.map(h=>z("PATCH",p(h),R())).join(`
`)):f}
      <p class="actions">
        <button class="primary" ?disabled=${o>=0||!i} @click=${()=>{O()}}>${o>=0?`${o+1} of ${d.length} …`:s.length?"Try these again":"Change"}</button>
        <button class="plain" ?disabled=${o>=0} @click=${m}>${s.length?"Close":"Leave as they are"}</button>
      </p>`})}async function j(a,l){let e=`${y}/userqueries${x({$select:"userqueryid,name,fetchxml",$filter:`returnedtypecode eq ${b(a.name)}`})}`,{body:n}=await $(e,l?{signal:l}:{});return n.value.map(t=>({id:String(t.userqueryid),name:String(t.name),columns:le(String(t.fetchxml))})).sort((t,i)=>t.name.localeCompare(i.name))}function le(a){return[...new DOMParser().parseFromString(a,"application/xml").querySelectorAll("fetch > entity > attribute")].map(e=>e.getAttribute("name")??"")}var ce={contains:"like",startswith:"like",null:"null",notnull:"not-null"};function ue({table:a,columns:l,conditions:e,search:n,sorted:r}){let t=document.implementation.createDocument(null,"fetch"),i=S(t,t.documentElement,"entity",{name:a.name});for(let d of[a.key,...l.map(p=>p.name)])S(t,i,"attribute",{name:d});if(r){let d=l.find(p=>p.property===r.column)?.name??r.column;S(t,i,"order",{attribute:d,descending:String(r.descending)})}let o=S(t,i,"filter",{type:"and"}),s=d=>d.replace(/[[%_]/g,"[$&]");n&&a.title&&S(t,o,"condition",{attribute:a.title,operator:"like",value:`%${s(n)}%`});for(let{column:d,test:p,value:u}of e){let m=l.find(h=>h.property===d)?.name??d.replace(/^_(.*)_value$/,"$1"),v=ce[p]??p,R=p==="null"||p==="notnull";if(!R&&u==="")continue;let O=p==="contains"?`%${s(u)}%`:p==="startswith"?`${s(u)}%`:u;S(t,o,"condition",{attribute:m,operator:v,...R?{}:{value:O}})}return o.childElementCount||o.remove(),new XMLSerializer().serializeToString(t)}function S(a,l,e,n){let r=a.createElement(e);for(let[t,i]of Object.entries(n))r.setAttribute(t,i);return l.append(r),r}function Z(a,l,{choose:e,keep:n,drop:r}){let t=i=>{i.target instanceof HTMLButtonElement&&(i.currentTarget.closest("details").open=!1)};return c`<details class="menu">
    <summary>${l?l.name:"Views"}</summary>
    <div class="card" @click=${t}>
      <button class="plain" aria-pressed=${String(!l)} @click=${()=>e(null)}>All rows</button>
      ${a.map(i=>c`<span class="row"><button class="plain" aria-pressed=${String(i===l)} @click=${()=>e(i.id)}>${i.name}</button>
        <button class="plain danger" aria-label=${`Delete the view ${i.name}`} @click=${()=>r(i)}>×</button></span>`)}
      ${l?f:c`<button class="plain add" @click=${n}>Keep this list as a view …</button>`}
    </div>
  </details>`}function ee(a,l){let[e,n]=["",null];q("Keep this list as a view",(r,t)=>{let i=async()=>{try{let o={name:e,returnedtypecode:a.table.name,fetchxml:ue(a)},s=await $(`${y}/userqueries`,{method:"POST",body:o,headers:{prefer:"return=representation"}});r(),l(String(s.body.userqueryid))}catch(o){n=o instanceof g?o:new g(0,"Page",String(o)),t()}};return c`<form @submit=${o=>{o.preventDefault(),i()}}>
      <div class="field"><label for="view-name">Name</label><input id="view-name" required maxlength="200" .value=${e} @input=${o=>e=o.target.value}></div>
      <p class="quiet">Its columns, conditions and order are kept, for everybody who sees the table. Conditions stand in it as they are typed: no names of patients in a view that others read.</p>
      ${n?T(n):f}
      <p class="actions"><button class="primary">Keep</button> <button type="button" class="plain" @click=${r}>Do not</button></p>
    </form>`})}function te(a,l){let e=null;q(`Delete the view “${a.name}”?`,(n,r)=>{let t=async()=>{try{await $(`${y}/userqueries(${a.id})`,{method:"DELETE"}),n(),l()}catch(i){e=i instanceof g?i:new g(0,"Page",String(i)),r()}};return c`<p>It goes for everybody. No row is touched.</p>
      ${e?T(e):f}
      <p class="actions"><button class="primary danger" @click=${()=>{t()}}>Delete</button> <button class="plain" @click=${n}>Keep</button></p>`})}var ne=100,A=class extends U{constructor(){super(...arguments);this.schema=null;this.where=null;this.rows=[];this.total=null;this.next=null;this.asked="";this.loaded=!1;this.more=!1;this.marked=new Set;this.views=[]}static{this.properties={set:{},address:{}}}willUpdate(e){e.has("set")&&([this.schema,this.where,this.rows,this.loaded,this.asked,this.marked,this.views]=[null,null,[],!1,"",new Set,[]]),(e.has("set")||e.has("address"))&&this.load()}get place(){return N("/app/")}get conditions(){return G(this.place.fragment.get("f"))}get sorted(){let[e,n]=(this.place.query.get("sort")??"").split(".");return e?{column:e,descending:n==="desc"}:null}get view(){let e=this.place.query.get("view");return this.views.find(n=>n.id===e)??null}columns(e){let r=(this.view?.columns??[]).flatMap(t=>e.columns.filter(i=>i.name===t&&i.kind!=="Key"));return r.length?r:K(e,this.place.query.get("columns"))}options(e){let{table:n}=e,{view:r}=this;if(r)return{userQuery:r.id};let t=this.place.fragment.get("q"),o=[...t&&n.title?[`contains(${n.title},${b(t)})`]:[],...Q(this.conditions,e.columns)].join(" and "),s=this.sorted;return{$select:[n.key,...this.columns(e).map(d=>d.property)].join(","),$filter:o||void 0,$orderby:s?`${s.column}${s.descending?" desc":""}`:void 0}}async load(e=!1){await this.work(async n=>{let r=await V(this.set);if(!r)throw new g(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=r.label;let[t,i]=await Promise.all([I(r),this.views.length&&!e?this.views:j(r,n)]);if([this.schema,this.views]=[t,i],this.place.query.has("view")&&!this.view)throw new g(404,"NotFound","This view is not there any more.",null,"Choose another, or all rows.");let o=`${y}/${r.set}${x(this.options(this.schema))}`;if(o===this.asked&&!e)return;let[s,d]=await Promise.all([$(`${o}&$count=true`,{signal:n,headers:{prefer:`odata.maxpagesize=${ne},odata.include-annotations="*"`}}),H(r)]);[this.asked,this.where,this.rows,this.loaded]=[o,d,[],!0],this.marked=new Set,this.take(s.body);let p=s.body["@odata.count"];this.total=typeof p=="number"?p:null})}take(e){this.rows=[...this.rows,...e.value];let n=e["@odata.nextLink"];this.next=typeof n=="string"?new URL(n).pathname+new URL(n).search:null}async loadMore(){if(!this.next||this.more)return;this.more=!0;let e=this.next;await this.work(async n=>{let{body:r}=await $(e,{signal:n,headers:{prefer:`odata.maxpagesize=${ne},odata.include-annotations="*"`}});this.take(r)}),this.more=!1}render(){let{schema:e}=this;if(!e)return c`${this.state(()=>{this.load(!0)})}`;let{table:n}=e,r=this.conditions.length>0||this.place.fragment.has("q");return c`
      <div class="bar">
        <h1>${n.label}</h1>
        ${this.where?X(this.where):f}
        <span class="fill"></span>
        ${n.title&&!this.view?c`<input type="search" data-search aria-label=${`Search ${n.label}`} placeholder="Search by name"
              .value=${this.place.fragment.get("q")??""}
              @change=${t=>w({fragment:{q:t.target.value}})}>`:f}
        <a class="button primary" href=${`/app/t/${n.set}/new`}>New</a>
      </div>
      <p class="quiet">${n.description}</p>
      <div class="bar tools">
        ${this.view?c`<span class="quiet">The rows of the view “${this.view.name}”</span>`:Y(this.conditions,e.columns,t=>w({fragment:{f:t.length?JSON.stringify(t):null}}))}
        <span class="fill"></span>
        ${this.viewChooser(e)}
        ${this.view?f:this.chooser(e)}
        <button class="plain" @click=${()=>{this.download(n.set)}}>CSV</button>
        <button class="plain" @click=${()=>window.print()}>Print</button>
        ${this.marked.size?c`<button class="plain" @click=${()=>W(e,this.markedRows(e),()=>{this.load(!0)})}>Change ${this.marked.size} …</button>
              <button class="plain danger" @click=${()=>J(e,this.markedRows(e),()=>{this.load(!0)})}>Delete ${this.marked.size}</button>`:f}
      </div>
      ${this.state(()=>{this.load(!0)})}
      ${this.loaded&&!this.rows.length&&!this.refusal?r?L("No row fits the filter.",c`<button class="plain" @click=${()=>w({fragment:{f:null,q:null}})}>Show all rows</button>`):L(this.where==="virtual"?"The FHIR service has no rows of this table.":"There are no rows here yet.",c`<p><a href=${`/app/t/${n.set}/new`}>Make the first</a></p>`):f}
      ${this.rows.length?c`<tt-grid
            .table=${n}
            .columns=${this.columns(e)}
            .rows=${this.rows}
            .sorted=${this.sorted}
            .marked=${this.marked}
            .markable=${!0}
            .label=${n.label}
            .href=${t=>`/app/t/${n.set}/${String(t[n.key])}`}
            @sorted=${({detail:t})=>!this.view&&w({query:{sort:`${t.column}.${t.descending?"desc":"asc"}`}})}
            @marked=${({detail:t})=>{this.marked=t,this.requestUpdate()}}
            @end=${()=>{this.loadMore()}}
          ></tt-grid>
          <p class="quiet foot" role="status">
            ${this.total===null?k(this.rows.length,"row"):`${this.rows.length.toLocaleString()} of ${k(this.total,"row")}`}
            ${this.next?c` · <button class="plain" @click=${()=>{this.loadMore()}}>More</button>`:f}
          </p>`:f}
    `}chooser(e){let n=this.columns(e),r=(t,i)=>{let o=i?[...n,t]:n.filter(s=>s!==t);w({query:{columns:o.map(s=>s.property).join(",")}})};return c`<details class="menu">
      <summary>Columns</summary>
      <div class="card">
        <button class="plain" @click=${()=>w({query:{columns:null}})}>As at first</button>
        ${e.columns.filter(t=>t.kind!=="Key").map(t=>c`<label><input type="checkbox" .checked=${n.includes(t)}
              @change=${i=>r(t,i.target.checked)}> ${t.label}</label>`)}
      </div>
    </details>`}async download(e){await this.work(async n=>{let r=await fetch(this.asked,{signal:n,credentials:"omit",headers:{accept:"text/csv",...D()}});if(!r.ok)throw new g(r.status,`Http${r.status}`,"The file cannot be made.",null,"Narrow the list by a filter.");let t=document.createElement("a");t.href=URL.createObjectURL(await r.blob()),t.download=`${e}.csv`,t.click(),URL.revokeObjectURL(t.href)})}markedRows(e){return this.rows.filter(n=>this.marked.has(String(n[e.table.key])))}viewChooser(e){let n=i=>w({query:{view:i}}),r=()=>({table:e.table,columns:this.columns(e),conditions:this.conditions,search:this.place.fragment.get("q"),sorted:this.sorted}),t=async i=>{this.views=await j(e.table),n(i),this.requestUpdate()};return Z(this.views,this.view,{choose:n,keep:()=>ee(r(),i=>{t(i)}),drop:i=>te(i,()=>{t(i===this.view?null:this.view?.id??null)})})}};customElements.define("app-list",A);
