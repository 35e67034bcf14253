import{b as L,c as P,d as j}from"./part-3CX6PGXI.js";import{d as E,f as T,g as x}from"./part-QTIJVFQB.js";import{a as M,d as p}from"./part-2FETXVJV.js";import"./part-NX2RHDAS.js";import{b as k}from"./part-OXFRHKAG.js";import{a as O,c as b}from"./part-NOHHNR6P.js";import{a as n,b as d,e as S,k as q,m as y,n as w,o as f,p as C}from"./part-F2LQ2LJV.js";var N={contains:"contains",startswith:"begins with",eq:"is",ne:"is not"},V={eq:"is",gt:"is more than",ge:"is at least",lt:"is less than",le:"is at most"},z={ge:"is from",lt:"is before"},B={eq:"is",ne:"is not"},m={null:"is empty",notnull:"is filled"};function $(o){switch(o.kind){case"String":case"Memo":return{...N,...m};case"DateTime":return{...z,...m};case"Decimal":case"Integer":case"BigInt":case"Double":return{...V,...m};case"Lookup":return{...m};default:return{...B,...m}}}function I(o){try{let u=JSON.parse(o??"[]");return Array.isArray(u)?u.filter(e=>["column","test","value"].every(t=>typeof e?.[t]=="string")):[]}catch{return[]}}function U(o,u){return o.flatMap(({column:e,test:t,value:a})=>{let s=u.find(l=>l.property===e);if(!s||!(t in $(s)))return[];if(t==="null")return[`${e} eq null`];if(t==="notnull")return[`${e} ne null`];if(a==="")return[];let r=s.kind==="String"||s.kind==="Memo"?f(a):a.trim();return[t==="contains"||t==="startswith"?`${t}(${e},${r})`:`${e} ${t} ${r}`]})}function D(o,u,e){let t=u.filter(r=>r.kind!=="Key"),a=(r,l)=>e(o.map((c,v)=>v===r?{...c,...l}:c)),s=()=>{let r=t[0];r&&e([...o,{column:r.property,test:Object.keys($(r))[0]??"eq",value:""}])};return n`<div class="filters" role="group" aria-label="Filter">
    ${o.map((r,l)=>{let c=u.find(i=>i.property===r.column)??t[0];if(!c)return d;let v=$(c),g=i=>i.target.value;return n`<span class="condition">
        <select aria-label="Column" @change=${i=>{let h=u.find(A=>A.property===g(i));a(l,{column:g(i),test:h?Object.keys($(h))[0]??"eq":"eq",value:""})}}>
          ${t.map(i=>n`<option value=${i.property} ?selected=${i===c}>${i.label}</option>`)}
        </select>
        <select aria-label="Test" @change=${i=>a(l,{test:g(i)})}>
          ${Object.entries(v).map(([i,h])=>n`<option value=${i} ?selected=${i===r.test}>${h}</option>`)}
        </select>
        ${r.test==="null"||r.test==="notnull"?d:F(c,r,i=>a(l,{value:i}))}
        <button class="plain" aria-label="Remove this condition" @click=${()=>e(o.filter((i,h)=>h!==l))}>×</button>
      </span>`})}
    <button class="plain add" @click=${s}>+ Filter</button>
  </div>`}function F(o,u,e){let t=s=>e(s.target.value);if(o.choices.length)return n`<select aria-label="Value" @change=${t}>
      <option value=""></option>
      ${o.choices.map(s=>n`<option value=${s.value} ?selected=${String(s.value)===u.value}>${s.label}</option>`)}
    </select>`;if(o.kind==="Boolean")return n`<select aria-label="Value" @change=${t}>
      <option value=""></option>
      <option value="true" ?selected=${u.value==="true"}>Yes</option>
      <option value="false" ?selected=${u.value==="false"}>No</option>
    </select>`;let a=o.kind==="DateTime"?"2026-01-31":d;return n`<input aria-label="Value" .value=${u.value} placeholder=${a} @change=${t}>`}var H=100,R=class extends O{constructor(){super(...arguments);this.schema=null;this.where=null;this.rows=[];this.total=null;this.next=null;this.asked="";this.loaded=!1;this.more=!1;this.marked=new Set}static{this.properties={set:{},address:{}}}willUpdate(e){e.has("set")&&([this.schema,this.where,this.rows,this.loaded,this.asked,this.marked]=[null,null,[],!1,"",new Set]),(e.has("set")||e.has("address"))&&this.load()}get place(){return M("/app/")}get conditions(){return I(this.place.fragment.get("f"))}get sorted(){let[e,t]=(this.place.query.get("sort")??"").split(".");return e?{column:e,descending:t==="desc"}:null}columns(e){return L(e,this.place.query.get("columns"))}options(e){let{table:t}=e,a=this.place.fragment.get("q"),r=[...a&&t.title?[`contains(${t.title},${f(a)})`]:[],...U(this.conditions,e.columns)].join(" and "),l=this.sorted;return{$select:[t.key,...this.columns(e).map(c=>c.property)].join(","),$filter:r||void 0,$orderby:l?`${l.column}${l.descending?" desc":""}`:void 0}}async load(e=!1){await this.work(async t=>{let a=await E(this.set);if(!a)throw new y(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=a.label,this.schema=await T(a);let s=`${q}/${a.set}${C(this.options(this.schema))}`;if(s===this.asked&&!e)return;let[r,l]=await Promise.all([w(`${s}&$count=true`,{signal:t,headers:{prefer:`odata.maxpagesize=${H},odata.include-annotations="*"`}}),x(a)]);[this.asked,this.where,this.rows,this.loaded]=[s,l,[],!0],this.marked=new Set,this.take(r.body);let c=r.body["@odata.count"];this.total=typeof c=="number"?c:null})}take(e){this.rows=[...this.rows,...e.value];let t=e["@odata.nextLink"];this.next=typeof t=="string"?new URL(t).pathname+new URL(t).search:null}async loadMore(){if(!this.next||this.more)return;this.more=!0;let e=this.next;await this.work(async t=>{let{body:a}=await w(e,{signal:t,headers:{prefer:`odata.maxpagesize=${H},odata.include-annotations="*"`}});this.take(a)}),this.more=!1}render(){let{schema:e}=this;if(!e)return n`${this.state(()=>{this.load(!0)})}`;let{table:t}=e,a=this.conditions.length>0||this.place.fragment.has("q");return n`
      <div class="bar">
        <h1>${t.label}</h1>
        ${this.where?P(this.where):d}
        <span class="fill"></span>
        ${t.title?n`<input type="search" data-search aria-label=${`Search ${t.label}`} placeholder="Search by name"
              .value=${this.place.fragment.get("q")??""}
              @change=${s=>p({fragment:{q:s.target.value}})}>`:d}
        <a class="button primary" href=${`/app/t/${t.set}/new`}>New</a>
      </div>
      <p class="quiet">${t.description}</p>
      <div class="bar tools">
        ${D(this.conditions,e.columns,s=>p({fragment:{f:s.length?JSON.stringify(s):null}}))}
        <span class="fill"></span>
        ${this.chooser(e)}
        <button class="plain" @click=${()=>{this.download(t.set)}}>CSV</button>
        <button class="plain" @click=${()=>window.print()}>Print</button>
        ${this.marked.size?n`<button class="plain danger" @click=${()=>this.removeMarked()}>Delete ${this.marked.size}</button>`:d}
      </div>
      ${this.state(()=>{this.load(!0)})}
      ${this.loaded&&!this.rows.length&&!this.refusal?a?b("No row fits the filter.",n`<button class="plain" @click=${()=>p({fragment:{f:null,q:null}})}>Show all rows</button>`):b(this.where==="virtual"?"The FHIR service has no rows of this table.":"There are no rows here yet.",n`<p><a href=${`/app/t/${t.set}/new`}>Make the first</a></p>`):d}
      ${this.rows.length?n`<tt-grid
            .table=${t}
            .columns=${this.columns(e)}
            .rows=${this.rows}
            .sorted=${this.sorted}
            .marked=${this.marked}
            .markable=${!0}
            .label=${t.label}
            .href=${s=>`/app/t/${t.set}/${String(s[t.key])}`}
            @sorted=${({detail:s})=>p({query:{sort:`${s.column}.${s.descending?"desc":"asc"}`}})}
            @marked=${({detail:s})=>{this.marked=s,this.requestUpdate()}}
            @end=${()=>{this.loadMore()}}
          ></tt-grid>
          <p class="quiet foot" role="status">
            ${this.total===null?k(this.rows.length,"row"):`${this.rows.length.toLocaleString()} of ${k(this.total,"row")}`}
            ${this.next?n` · <button class="plain" @click=${()=>{this.loadMore()}}>More</button>`:d}
          </p>`:d}
    `}chooser(e){let t=this.columns(e),a=(s,r)=>{let l=r?[...t,s]:t.filter(c=>c!==s);p({query:{columns:l.map(c=>c.property).join(",")}})};return n`<details class="menu">
      <summary>Columns</summary>
      <div class="card">
        <button class="plain" @click=${()=>p({query:{columns:null}})}>As at first</button>
        ${e.columns.filter(s=>s.kind!=="Key").map(s=>n`<label><input type="checkbox" .checked=${t.includes(s)}
              @change=${r=>a(s,r.target.checked)}> ${s.label}</label>`)}
      </div>
    </details>`}async download(e){await this.work(async t=>{let a=await fetch(this.asked,{signal:t,credentials:"omit",headers:{accept:"text/csv",...S()}});if(!a.ok)throw new y(a.status,`Http${a.status}`,"The file cannot be made.",null,"Narrow the list by a filter.");let s=document.createElement("a");s.href=URL.createObjectURL(await a.blob()),s.download=`${e}.csv`,s.click(),URL.revokeObjectURL(s.href)})}removeMarked(){let{schema:e}=this;if(!e)return;let t=this.rows.filter(a=>this.marked.has(String(a[e.table.key])));j(e,t,()=>{this.load(!0)})}};customElements.define("app-list",R);
