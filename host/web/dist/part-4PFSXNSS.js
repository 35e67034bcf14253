import{a as B,c as z,d as W}from"./part-UZPRQLYN.js";import{b as k,c as T,d as j,e as v,f as I}from"./part-ULQ6EUQ4.js";import{a as C,c as R,d as J}from"./part-2FETXVJV.js";import{b as N,c as F}from"./part-NX2RHDAS.js";import{a as S,b as P,c as H}from"./part-OXFRHKAG.js";import{a as g,b as _,c as V}from"./part-XJSYAEGG.js";import{a as d,b as p,d as U,k as m,m as w,n as f,o as A,p as b}from"./part-F2LQ2LJV.js";var ee=50,E=class extends g{constructor(){super(...arguments);this.tables=[];this.of=null;this.rows=[];this.total=null;this.loaded=null}static{this.properties={schema:{attribute:!1},key:{},chosen:{attribute:!1}}}willUpdate(e){(e.has("chosen")||e.has("key"))&&this.load()}async load(){let{chosen:e}=this;[this.loaded,this.rows]=[null,[]],await this.work(async s=>{this.tables=await k();let t=this.tables.find(i=>i.name===e?.table);if(!t||!e)return;this.of=await v(t);let a={$select:[t.key,...this.columns(this.of).map(i=>i.property)].join(","),$filter:`${e.property} eq ${this.key}`,$count:"true",$top:ee},{body:n}=await f(`${m}/${t.set}${b(a)}`,{signal:s,headers:{prefer:'odata.include-annotations="*"'}});[this.rows,this.loaded]=[n.value,e],this.total=typeof n["@odata.count"]=="number"?n["@odata.count"]:null})}columns(e){return B(e).filter(s=>s.property!==this.chosen?.property)}render(){let e=i=>this.tables.find(r=>r.name===i.table),s=i=>this.schema.related.filter(r=>r.table===i.table).length>1,t=i=>s(i)?` (${i.property.replace(/^_(msemr_|tt_)?|_value$/g,"")})`:"",a=this.schema.related.filter(e).map(i=>({lead:i,label:`${e(i)?.label}${t(i)}`})).sort((i,r)=>i.label.localeCompare(r.label));if(!a.length)return d`${this.state()}`;let n=this.of?.table;return d`<h2>Related</h2>
      <div class="bar">
        <select aria-label="Rows of" @change=${i=>{let r=a[Number(i.target.value)];r&&this.dispatchEvent(new CustomEvent("chosen",{detail:r.lead}))}}>
          <option value="" ?selected=${!this.chosen}>Choose what to see …</option>
          ${a.map(({lead:i,label:r},o)=>d`<option value=${o} ?selected=${i===this.chosen}>${r}</option>`)}
        </select>
        <span class="fill"></span>
        ${this.loaded&&n?d`<a href=${`/app/t/${n.set}/new?${this.loaded.property}=${this.key}&of=${this.schema.table.set}`}>New: ${n.label}</a>`:p}
      </div>
      ${this.state(()=>{this.load()})}
      ${this.loaded&&n&&!this.rows.length?V(`No rows of ${n.label} belong to it.`):p}
      ${this.loaded&&n&&this.of&&this.rows.length?d`<tt-grid .table=${n} .columns=${this.columns(this.of)} .rows=${this.rows} .label=${n.label}
              .href=${i=>`/app/t/${n.set}/${String(i[n.key])}`}></tt-grid>
            <p class="quiet foot">${this.total===null||this.total<=this.rows.length?P(this.rows.length,"row"):`${this.rows.length} of ${P(this.total,"row")}`}</p>`:p}`}};customElements.define("app-related",E);var K=16,te=20,se=4,q=class extends g{constructor(){super(...arguments);this.events=[];this.asked=!1;this.done=!1;this.failed=0;this.series=[]}static{this.properties={schema:{attribute:!1},key:{}}}willUpdate(e){e.has("key")&&e.get("key")!==void 0&&([this.events,this.asked,this.done,this.series]=[[],!1,!1,[]])}async load(){this.asked=!0,this.failed=0,await this.work(async e=>{let s=await k(),t=this.schema.related.filter(o=>s.some(c=>c.name===o.table)),a=t.filter(o=>/subject|patient|beneficiary|individual/.test(o.property)).slice(0,K),n=[],i=[...a.length?a:t.slice(0,K)],r=async()=>{for(let o=i.shift();o;o=i.shift()){try{n.push(...await this.eventsOf(o,e))}catch(c){if(e.aborted)throw c;this.failed++}this.events=[...n].sort((c,u)=>Date.parse(u.time)-Date.parse(c.time)),this.requestUpdate()}};await Promise.all(Array.from({length:se},r)),this.series=ie(this.events),this.done=!0}),await this.updateComplete,await this.draw()}async eventsOf(e,s){let t=(await k()).find(c=>c.name===e.table);if(!t)return[];let a=await v(t),n=a.columns.find(c=>c.kind==="DateTime"&&!/azurefhir/.test(c.name));if(!n||!t.title)return[];let i=a.columns.filter(c=>O(c)||D(c)),r={$select:[t.key,t.title,n.property,...i.map(c=>c.property)].join(","),$filter:`${e.property} eq ${this.key}`,$orderby:`${n.property} desc`,$top:te},{body:o}=await f(`${m}/${t.set}${b(r)}`,{signal:s,headers:{prefer:'odata.include-annotations="*"'}});return o.value.flatMap(c=>c[n.property]==null?[]:[{schema:a,row:c,when:n,time:String(c[n.property])}])}render(){return this.schema.related.some(s=>/subject|patient|beneficiary/.test(s.property))?d`<h2>Timeline</h2>
      ${this.asked?p:d`<button class="plain" @click=${()=>{this.load()}}>Show what happened</button>`}
      ${this.state(()=>{this.load()})}
      ${this.series.map((s,t)=>d`<figure class="card chart"><figcaption>${s.label}${s.unit?` (${s.unit})`:""}</figcaption><div data-chart=${t}></div></figure>`)}
      ${this.done&&!this.events.length?d`<p class="quiet">Nothing with a time is known.</p>`:p}
      ${this.failed?d`<p class="error">${this.failed} of the tables did not answer.</p>`:p}
      <ol class="timeline">
        ${this.events.map(({schema:s,row:t,when:a})=>{let{text:n,title:i}=S(a,t),r=s.columns.filter(o=>(O(o)||D(o))&&t[o.property]!=null);return d`<li>
            <time datetime=${String(t[a.property])} title=${i}>${n}</time>
            <a href=${`/app/t/${s.table.set}/${String(t[s.table.key])}`}>${String(t[s.table.title??""]??"(no name)")}</a>
            ${r.length?d`<strong>${r.map(o=>S(o,t).text).join(" ")}</strong>`:p}
            <small>${s.table.label}</small>
          </li>`})}
      </ol>`:p}async draw(){if(!this.series.length)return;let{chart:e}=await import("./part-TPHDOIO7.js");for(let[s,t]of this.series.entries()){let a=this.querySelector(`[data-chart="${s}"]`);a&&e(a,t.label,t.points)}}};function O(l){return l.kind==="Decimal"&&/valuetypequantityvalue$|valuequantity$/.test(l.name)}function D(l){return l.kind==="String"&&/valuequantityunit$|valuetypequantityunit$/.test(l.name)}function ie(l){let h=new Map;for(let{schema:s,row:t,time:a}of l){let n=s.columns.find(u=>O(u)&&t[u.property]!=null);if(!n)continue;let i=s.columns.find(u=>D(u)&&t[u.property]!=null),[r,o]=[String(t[s.table.title??""]??""),i?String(t[i.property]):""],c=h.get(`${r}
${o}`)??{label:r,unit:o,points:[]};c.points.push({time:Date.parse(a)/1e3,value:Number(t[n.property])}),h.set(`${r}
${o}`,c)}let e=[...h.values()].filter(({points:s})=>s.length>1);for(let{points:s}of e)s.sort((t,a)=>t.time-a.time);return e}customElements.define("app-timeline",q);var ae=8,ne=200,M=class extends U{constructor(){super();this.offered=[];this.open=!1;this.at=-1;this.typed=null;this.said="";this.rest=0;this.chosen=null,this.disabled=!1,this.describedby=""}static{this.properties={column:{attribute:!1},chosen:{attribute:!1},name:{},disabled:{type:Boolean},describedby:{}}}createRenderRoot(){return this}render(){let e=`${this.name}-list`;return d`<span class="lookup">
      <input
        id=${this.name}
        role="combobox"
        autocomplete="off"
        aria-expanded=${String(this.open)}
        aria-controls=${e}
        aria-autocomplete="list"
        aria-describedby=${this.describedby||p}
        aria-activedescendant=${this.at>=0?`${e}-${this.at}`:p}
        placeholder="Type a name"
        ?disabled=${this.disabled}
        .value=${this.typed??this.chosen?.name??""}
        @input=${this.type}
        @keydown=${this.key}
        @blur=${()=>this.close()}
      >
      ${this.chosen&&!this.disabled?d`<button type="button" class="plain" aria-label=${`Clear ${this.column.label}`} @click=${()=>this.choose(null)}>×</button>`:p}
      <ul role="listbox" id=${e} aria-label=${this.column.label} ?hidden=${!this.open}>
        ${this.offered.map((s,t)=>d`<li
            role="option"
            id=${`${e}-${t}`}
            aria-selected=${String(t===this.at)}
            @mousedown=${a=>{a.preventDefault(),this.choose(s)}}
          >
            ${s.name} <small>${s.table.label}</small>
          </li>`)}
        ${this.said?d`<li role="option" aria-disabled="true" class="quiet">${this.said}</li>`:p}
      </ul>
    </span>`}type(e){this.typed=e.target.value,window.clearTimeout(this.rest),this.rest=window.setTimeout(()=>{this.find()},ne),this.requestUpdate()}async find(){let e=this.typed??"",s=await Promise.all(this.column.targets.map(t=>this.findIn(t,e))).catch(()=>null);e===this.typed&&(this.offered=s?.flat()??[],this.said=s===null?"The names cannot be had now.":this.offered.length?"":"Nothing of this name.",[this.open,this.at]=[!0,this.offered.length?0:-1],this.requestUpdate())}async findIn(e,s){let t=await j(e.table);if(!t?.title)return[];let a={$select:`${t.key},${t.title}`,$filter:s?`contains(${t.title},${A(s)})`:void 0,$orderby:s?t.title:void 0,$top:ae},{body:n}=await f(`${m}/${t.set}${b(a)}`);return n.value.map(i=>({table:t,navigation:e.navigation,key:String(i[t.key]),name:i[t.title]==null?String(i[t.key]):String(i[t.title])}))}key(e){if(e.key==="ArrowDown"&&!this.open)this.typed??="",this.find();else if(e.key==="ArrowDown"||e.key==="ArrowUp"){let s=e.key==="ArrowDown"?1:-1;this.at=Math.min(Math.max(this.at+s,0),this.offered.length-1)}else if(e.key==="Enter"&&this.open){let s=this.offered[this.at];s&&this.choose(s)}else if(e.key==="Escape"&&this.open)this.close();else return;e.preventDefault(),this.requestUpdate()}choose(e){this.chosen=e,this.dispatchEvent(new CustomEvent("chosen",{detail:e})),this.close()}close(){window.clearTimeout(this.rest),[this.open,this.at,this.typed,this.offered]=[!1,-1,null,[]],this.requestUpdate()}};customElements.define("tt-lookup",M);function G({column:l,row:h,put:e,wrong:s,editable:t,change:a}){let n=`field-${l.name}`,i=[s?`${n}-wrong`:"",l.description?`${n}-note`:""].filter(Boolean).join(" "),r=e&&"value"in e?e.value:h[l.property]??null,o=re({id:n,notes:i,column:l,row:h,put:e,value:r,wrong:s,editable:t,change:a});return d`<div class="field ${s?"wrong":""} ${e?"changed":""}" data-column=${l.name}>
    <label for=${n}>${l.label}${l.required?d`<span class="required" title="Required" aria-hidden="true"> *</span>`:p}</label>
    ${o}
    ${s?d`<p class="error" id=${`${n}-wrong`}>${s}</p>`:p}
    ${l.description?d`<p class="note" id=${`${n}-note`}>${l.description}</p>`:p}
  </div>`}function re({id:l,notes:h,column:e,row:s,put:t,value:a,wrong:n,editable:i,change:r}){let o=a===null?"":String(a),c=n?"true":p,u=h||p,$=y=>r({value:he(e,y.target.value)});switch(e.kind){case"Picklist":case"State":case"Status":return d`<select id=${l} aria-invalid=${c} aria-describedby=${u} ?disabled=${!i} @change=${$}>
        <option value="" ?selected=${o===""}></option>
        ${oe(e,s,o).map(y=>d`<option value=${y.value} ?selected=${String(y.value)===o}>${y.label}</option>`)}
      </select>`;case"Boolean":return d`<select id=${l} aria-invalid=${c} aria-describedby=${u} ?disabled=${!i} @change=${$}>
        <option value="" ?selected=${o===""}></option>
        <option value="true" ?selected=${o==="true"}>Yes</option>
        <option value="false" ?selected=${o==="false"}>No</option>
      </select>`;case"Lookup":{let y=t&&"chosen"in t?t.chosen:le(e,s);return d`<tt-lookup
        .column=${e}
        .chosen=${y}
        .name=${l}
        .describedby=${h}
        .disabled=${!i}
        @chosen=${X=>r({chosen:X.detail})}
      ></tt-lookup>`}case"Memo":return d`<textarea id=${l} rows="3" aria-invalid=${c} aria-describedby=${u} ?readonly=${!i} .value=${o} @change=${$}></textarea>`;default:{let y=/system$/.test(e.name)?null:H(a);return d`<input
          id=${l}
          .value=${o}
          inputmode=${["Decimal","Integer","BigInt","Double"].includes(e.kind)?"decimal":p}
          placeholder=${e.kind==="DateTime"&&i?"2026-01-31T08:00:00Z, or a date":p}
          aria-invalid=${c}
          aria-describedby=${u}
          ?readonly=${!i}
          @change=${$}
        >${y?d`<a class="out" href=${y} target="_blank" rel="noreferrer noopener">Open ↗</a>`:p}`}}}function oe(l,h,e){if(e===""||l.choices.some(t=>String(t.value)===e))return l.choices;let s=h[`${l.property}@OData.Community.Display.V1.FormattedValue`];return[...l.choices,{value:Number(e),label:String(s??e)}]}function le(l,h){let e=h[l.property];if(e==null)return null;let s=h[`${l.property}@OData.Community.Display.V1.FormattedValue`];return{table:null,navigation:"",key:String(e),name:String(s??e)}}function he(l,h){if(h==="")return null;switch(l.kind){case"Picklist":case"State":case"Status":return Number(h);case"Boolean":return h==="true";default:return h}}function Y(l,h){let e=[];for(let s of l){let t=h.get(s.name);if(t)if("value"in t)e.push(`${JSON.stringify(s.property)}:${de(s,t.value)}`);else if(t.chosen){let{navigation:a,table:n,key:i}=t.chosen;e.push(`${JSON.stringify(`${a}@odata.bind`)}:${JSON.stringify(`/${n.set}(${i})`)}`)}else for(let{navigation:a}of s.targets.slice(0,1))e.push(`${JSON.stringify(`${a}@odata.bind`)}:null`)}return`{${e.join(",")}}`}function de(l,h){return["Decimal","Integer","BigInt","Double"].includes(l.kind)&&typeof h=="string"&&/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(h)?h:JSON.stringify(h)}function x(l,{before:h,mine:e,theirs:s}){let t=a=>JSON.stringify(h[a.property]??null)!==JSON.stringify(s[a.property]??null);return l.filter(a=>e.has(a.name)||t(a)&&!/azurefhir/.test(a.name))}function Z(l,h,e){let s=(i,r)=>S(i,r).text||"(empty)",t=i=>{let r=h.mine.get(i.name);if(!r)return p;let o=c=>i.choices.find(u=>u.value===c)?.label;return"value"in r?o(r.value)??(r.value===null?"(empty)":String(r.value)):r.chosen?.name??"(empty)"},a=i=>h.choices.get(i.name)??"mine",n=(i,r)=>d`<input type="radio" name=${`side-${i.name}`} aria-label=${`${i.label}: ${r}`} .checked=${a(i)===r}
      @change=${()=>{h.choices.set(i.name,r),e.changed()}}>`;return d`<section class="card conflict" role="alert">
    <h2>Somebody else has changed this row</h2>
    <p>Nothing of yours is lost. Choose what shall stand, then save again.</p>
    <table>
      <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">Theirs</th><th scope="col">Mine</th></tr></thead>
      <tbody>
        ${x(l,h).map(i=>{let r=h.mine.has(i.name);return d`<tr>
            <th scope="row">${i.label}</th>
            <td>${s(i,h.before)}</td>
            <td><label>${r?n(i,"theirs"):p} ${s(i,h.theirs)}</label></td>
            <td>${r?d`<label>${n(i,"mine")} ${t(i)}</label>`:p}</td>
          </tr>`})}
      </tbody>
    </table>
    <p class="actions">
      <button class="primary" @click=${e.save}>Save what is chosen</button>
      <button class="plain" @click=${e.leave}>Take theirs, drop mine</button>
    </p>
  </section>`}var Q={prefer:'odata.include-annotations="*"'},L=class extends g{constructor(){super(...arguments);this.schema=null;this.where=null;this.row=null;this.etag=null;this.puts=new Map;this.all=!1;this.saving=!1;this.refusedSave=null;this.theirs=null}static{this.properties={set:{},key:{},address:{}}}get isNew(){return this.key===""}willUpdate(e){(e.has("set")||e.has("key"))&&([this.schema,this.row,this.puts,this.refusedSave,this.theirs,this.all]=[null,null,new Map,null,null,this.key===""],this.load())}get url(){return`${m}/${this.set}(${this.key})`}async load(){await this.work(async e=>{let s=await T(this.set);if(!s)throw new w(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=s.label;let[t,a]=await Promise.all([v(s),I(s)]);if([this.schema,this.where]=[t,a],this.isNew)this.row={},await this.preset(t);else{let{body:n,etag:i}=await f(this.url,{signal:e,headers:Q});[this.row,this.etag]=[n,i]}})}async preset(e){for(let[s,t]of C("/app/").query){let a=e.columns.find(o=>o.property===s),n=a&&await T(C("/app/").query.get("of")??""),i=a?.targets.find(o=>o.table===n?.name)?.navigation;if(!a||!n?.title||!i)continue;let{body:r}=await f(`${m}/${n.set}(${t})?$select=${n.title}`);this.puts.set(a.name,{chosen:{table:n,navigation:i,key:t,name:String(r[n.title]??t)}})}}render(){let{schema:e,row:s}=this;if(!e||!s)return d`${this.state(()=>{this.load()})}`;let{table:t}=e,a=this.isNew?`New: ${t.label}`:String((t.title&&s[t.title])??"(no name)");return d`
      <p class="crumbs"><a href=${`/app/t/${t.set}`}>${t.label}</a></p>
      <div class="bar">
        <h1>${a}</h1>
        ${this.where?z(this.where):p}
        <span class="fill"></span>
        ${this.isNew?p:d`<button class="plain" @click=${()=>window.print()}>Print</button>
              <button class="plain danger" @click=${()=>W(e,[{...s,"@odata.etag":this.etag}],()=>R(`/app/t/${t.set}`))}>Delete</button>`}
      </div>
      ${this.state(()=>{this.load()})}
      ${this.theirs?Z(e.columns,{before:s,mine:this.puts,theirs:this.theirs.row,choices:this.theirs.choices},{changed:()=>this.requestUpdate(),save:()=>{this.settle()},leave:()=>this.drop()}):this.form(e,s)}
      ${this.isNew||this.theirs?p:this.beside(e)}
    `}form(e,s){let t=o=>this.isNew?o.create:o.update,a=o=>s[o.property]!=null||this.puts.has(o.name)||o.required||this.wrong(o)!==null,n=e.columns.filter(o=>o.kind!=="Key"&&(!this.isNew||o.create)),i=n.filter(o=>this.all||a(o)),r=n.length-n.filter(a).length;return d`
      <form novalidate @submit=${o=>{o.preventDefault(),this.save()}}>
        ${pe(i).map(([o,c])=>d`<fieldset class="card">
            <legend>${o}</legend>
            <div class="fields">
              ${c.map(u=>G({column:u,row:s,put:this.puts.get(u.name),wrong:this.wrong(u),editable:t(u),change:$=>this.put(u,$)}))}
            </div>
          </fieldset>`)}
        ${this.refusedSave?_(this.refusedSave):p}
        <div class="bar sticky">
          ${this.puts.size||this.isNew?d`<button class="primary" ?disabled=${this.saving}>${this.saving?"Saving …":"Save"}</button>
                <button type="button" class="plain" @click=${()=>this.drop()}>${this.isNew?"Do not make it":"Undo changes"}</button>`:p}
          <span class="fill"></span>
          ${r&&!this.isNew?d`<button type="button" class="plain" @click=${()=>{this.all=!this.all,this.requestUpdate()}}>${this.all?"Hide empty fields":`Show ${r} empty fields`}</button>`:p}
        </div>
        ${this.puts.size?F(this.isNew?N("POST",`${m}/${this.set}`,this.body):N("PATCH",this.url,this.body)):p}
      </form>
    `}wrong(e){let s=[e.name,e.property,...e.targets.map(n=>n.navigation)],t=n=>n!==null&&s.includes(n.replace(/@odata\.bind$/,"")),a=this.refusedSave;return a?a.details.find(n=>t(n.target))?.message??(t(a.target)?a.message:null):null}put(e,s){let t=this.row?.[e.property]??null;("value"in s?String(s.value)===String(t):(s.chosen?.key??null)===t)?this.puts.delete(e.name):this.puts.set(e.name,s),this.requestUpdate()}get body(){return Y(this.schema?.columns??[],this.puts)}drop(){if(this.isNew)return R(`/app/t/${this.set}`);[this.puts,this.refusedSave,this.theirs]=[new Map,null,null],this.load()}async save(){[this.saving,this.refusedSave]=[!0,null],this.requestUpdate();let e=this.isNew?`${m}/${this.set}`:this.url,s={prefer:'return=representation,odata.include-annotations="*"'};!this.isNew&&this.etag&&(s["if-match"]=this.etag);try{let{body:t,etag:a}=await f(e,{method:this.isNew?"POST":"PATCH",body:this.body,headers:s});[this.puts,this.row,this.etag]=[new Map,t,a],this.isNew&&this.schema&&R(`/app/t/${this.set}/${String(t[this.schema.table.key])}`,{replace:!0})}catch(t){this.refusedSave=t instanceof w?t:new w(0,"Page",String(t)),this.refusedSave.status===412&&!this.isNew&&await this.compare()}this.saving=!1,this.requestUpdate(),await this.updateComplete,this.querySelector(".field.wrong input, .field.wrong select, .field.wrong textarea")?.focus()}async compare(){try{let{body:e,etag:s}=await f(this.url,{headers:Q});this.theirs={row:e,etag:s,choices:new Map},this.refusedSave=null}catch(e){e instanceof w&&(this.refusedSave=e)}}async settle(){let{theirs:e,row:s}=this;if(!(!e||!s)){for(let t of x(this.schema?.columns??[],{before:s,mine:this.puts,theirs:e.row}))e.choices.get(t.name)==="theirs"&&this.puts.delete(t.name);[this.row,this.etag,this.theirs]=[e.row,e.etag,null],this.puts.size&&await this.save(),this.requestUpdate()}}beside(e){let s=C("/app/").query.get("tab")??"",[t,a]=s.split("@"),n=e.related.find(i=>i.property===t&&i.table===a);return d`<section class="beside" aria-label="What belongs to it">
      <app-timeline .schema=${e} .key=${this.key}></app-timeline>
      <app-related
        .schema=${e}
        .key=${this.key}
        .chosen=${n??null}
        @chosen=${({detail:i})=>J({query:{tab:`${i.property}@${i.table}`}})}
      ></app-related>
    </section>`}};function pe(l){let h=new Map;for(let r of l){let o=/^([^:]{2,40}): /.exec(r.label)?.[1]??"";h.set(o,[...h.get(o)??[],r])}let e=h.get("")??[],s=[...h].filter(([r,o])=>r!==""&&o.length>1),t=[...h].filter(([r,o])=>r!==""&&o.length===1).flatMap(([,r])=>r),a=r=>/azurefhir|^statecode$|^statuscode$/.test(r.name),n=[...e,...t];return[["General",n.filter(r=>!a(r))],...s,["Record",n.filter(a)]].filter(([,r])=>r.length)}customElements.define("app-record",L);
