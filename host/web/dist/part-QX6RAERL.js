import{a as F,c as W,d as K}from"./part-3CX6PGXI.js";import{a as k,c as S,d as P,e as J,f as b,g as _}from"./part-QTIJVFQB.js";import{a as R,c as T,d as j}from"./part-2FETXVJV.js";import{b as E,c as z}from"./part-NX2RHDAS.js";import{a as C,b as N,c as H}from"./part-OXFRHKAG.js";import{a as g,b as V,c as B}from"./part-NOHHNR6P.js";import{a as d,b as p,d as A,k as m,m as w,n as f,o as I,p as v}from"./part-F2LQ2LJV.js";var ee=50,q=class extends g{constructor(){super(...arguments);this.tables=[];this.of=null;this.rows=[];this.total=null;this.loaded=null}static{this.properties={schema:{attribute:!1},key:{},chosen:{attribute:!1}}}willUpdate(e){(e.has("chosen")||e.has("key"))&&this.load()}async load(){let{chosen:e}=this;[this.loaded,this.rows]=[null,[]],await this.work(async t=>{this.tables=await S();let s=this.tables.find(i=>i.name===e?.table);if(!s||!e)return;this.of=await b(s);let n={$select:[s.key,...this.columns(this.of).map(i=>i.property)].join(","),$filter:`${e.property} eq ${this.key}`,$count:"true",$top:ee},{body:a}=await f(`${m}/${s.set}${v(n)}`,{signal:t,headers:{prefer:'odata.include-annotations="*"'}});[this.rows,this.loaded]=[a.value,e],this.total=typeof a["@odata.count"]=="number"?a["@odata.count"]:null})}columns(e){return F(e).filter(t=>t.property!==this.chosen?.property)}render(){let e=i=>this.tables.find(r=>r.name===i.table),t=i=>te(this.schema.related,i.table)===i,s=i=>t(i)?"":` (${i.property.replace(/^_(msemr_|tt_)?|_value$/g,"")})`,n=this.schema.related.filter(e).map(i=>({lead:i,label:`${e(i)?.label}${s(i)}`})).sort((i,r)=>i.label.localeCompare(r.label));if(!n.length)return d`${this.state()}`;let a=this.of?.table;return d`<h2>Related</h2>
      <div class="bar">
        <select aria-label="Rows of" @change=${i=>{let r=n[Number(i.target.value)];r&&this.dispatchEvent(new CustomEvent("chosen",{detail:r.lead}))}}>
          <option value="" ?selected=${!this.chosen}>Choose what to see …</option>
          ${n.map(({lead:i,label:r},o)=>d`<option value=${o} ?selected=${i===this.chosen}>${r}</option>`)}
        </select>
        <span class="fill"></span>
        ${this.loaded&&a?d`<a href=${`/app/t/${a.set}/new?${this.loaded.property}=${this.key}&of=${this.schema.table.set}`}>New: ${a.label}</a>`:p}
      </div>
      ${this.state(()=>{this.load()})}
      ${this.loaded&&a&&!this.rows.length?B(`No rows of ${a.label} belong to it.`):p}
      ${this.loaded&&a&&this.of&&this.rows.length?d`<tt-grid .table=${a} .columns=${this.columns(this.of)} .rows=${this.rows} .label=${a.label}
              .href=${i=>`/app/t/${a.set}/${String(i[a.key])}`}></tt-grid>
            <p class="quiet foot">${this.total===null||this.total<=this.rows.length?N(this.rows.length,"row"):`${this.rows.length} of ${N(this.total,"row")}`}</p>`:p}`}};function te(l,h){let e=l.filter(t=>t.table===h);return e.find(t=>k.test(t.property))??e[0]}customElements.define("app-related",q);var se=48,ie=20,ae=4,O=class extends g{constructor(){super(...arguments);this.events=[];this.asked=!1;this.done=!1;this.failed=0;this.series=[]}static{this.properties={schema:{attribute:!1},key:{}}}willUpdate(e){e.has("key")&&e.get("key")!==void 0&&([this.events,this.asked,this.done,this.series]=[[],!1,!1,[]])}async load(){this.asked=!0,this.failed=0,await this.work(async e=>{let t=await S(),s=this.schema.related.filter(o=>k.test(o.property)&&t.some(c=>c.name===o.table&&!c.part)),n=new Map([...s].reverse().map(o=>[o.table,o])),a=[],i=[...n.values()].reverse().slice(0,se),r=async()=>{for(let o=i.shift();o;o=i.shift()){try{a.push(...await this.eventsOf(o,e))}catch(c){if(e.aborted)throw c;this.failed++}this.events=[...a].sort((c,u)=>Date.parse(u.time)-Date.parse(c.time)),this.requestUpdate()}};await Promise.all(Array.from({length:ae},r)),this.series=ne(this.events),this.done=!0}),await this.updateComplete,await this.draw()}async eventsOf(e,t){let s=(await S()).find(c=>c.name===e.table);if(!s)return[];let n=await b(s),a=n.columns.find(c=>c.kind==="DateTime"&&!/azurefhir/.test(c.name));if(!a||!s.title)return[];let i=n.columns.filter(c=>M(c)||D(c)),r={$select:[s.key,s.title,a.property,...i.map(c=>c.property)].join(","),$filter:`${e.property} eq ${this.key}`,$orderby:`${a.property} desc`,$top:ie},{body:o}=await f(`${m}/${s.set}${v(r)}`,{signal:t,headers:{prefer:'odata.include-annotations="*"'}});return o.value.flatMap(c=>c[a.property]==null?[]:[{schema:n,row:c,when:a,time:String(c[a.property])}])}render(){return this.schema.related.some(t=>k.test(t.property))?d`<h2>Timeline</h2>
      ${this.asked?p:d`<button class="plain" @click=${()=>{this.load()}}>Show what happened</button>`}
      ${this.state(()=>{this.load()})}
      ${this.series.map((t,s)=>d`<figure class="card chart"><figcaption>${t.label}${t.unit?` (${t.unit})`:""}</figcaption><div data-chart=${s}></div></figure>`)}
      ${this.done&&!this.events.length?d`<p class="quiet">Nothing with a time is known.</p>`:p}
      ${this.failed?d`<p class="error">${this.failed} of the tables did not answer.</p>`:p}
      <ol class="timeline">
        ${this.events.map(({schema:t,row:s,when:n})=>{let{text:a,title:i}=C(n,s),r=t.columns.filter(o=>(M(o)||D(o))&&s[o.property]!=null);return d`<li>
            <time datetime=${String(s[n.property])} title=${i}>${a}</time>
            <a href=${`/app/t/${t.table.set}/${String(s[t.table.key])}`}>${String(s[t.table.title??""]??"(no name)")}</a>
            ${r.length?d`<strong>${r.map(o=>C(o,s).text).join(" ")}</strong>`:p}
            <small>${t.table.label}</small>
          </li>`})}
      </ol>`:p}async draw(){if(!this.series.length)return;let{chart:e}=await import("./part-TPHDOIO7.js");for(let[t,s]of this.series.entries()){let n=this.querySelector(`[data-chart="${t}"]`);n&&e(n,s.label,s.points)}}};function M(l){return l.kind==="Decimal"&&/valuetypequantityvalue$|valuequantity$/.test(l.name)}function D(l){return l.kind==="String"&&/valuequantityunit$|valuetypequantityunit$/.test(l.name)}function ne(l){let h=new Map;for(let{schema:t,row:s,time:n}of l){let a=t.columns.find(u=>M(u)&&s[u.property]!=null);if(!a)continue;let i=t.columns.find(u=>D(u)&&s[u.property]!=null),[r,o]=[String(s[t.table.title??""]??""),i?String(s[i.property]):""],c=h.get(`${r}
${o}`)??{label:r,unit:o,points:[]};c.points.push({time:Date.parse(n)/1e3,value:Number(s[a.property])}),h.set(`${r}
${o}`,c)}let e=[...h.values()].filter(({points:t})=>t.length>1);for(let{points:t}of e)t.sort((s,n)=>s.time-n.time);return e}customElements.define("app-timeline",O);var re=8,oe=200,x=class extends A{constructor(){super();this.offered=[];this.open=!1;this.at=-1;this.typed=null;this.said="";this.rest=0;this.chosen=null,this.disabled=!1,this.describedby=""}static{this.properties={column:{attribute:!1},chosen:{attribute:!1},name:{},disabled:{type:Boolean},describedby:{}}}createRenderRoot(){return this}render(){let e=`${this.name}-list`;return d`<span class="lookup">
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
        ${this.offered.map((t,s)=>d`<li
            role="option"
            id=${`${e}-${s}`}
            aria-selected=${String(s===this.at)}
            @mousedown=${n=>{n.preventDefault(),this.choose(t)}}
          >
            ${t.name} <small>${t.table.label}</small>
          </li>`)}
        ${this.said?d`<li role="option" aria-disabled="true" class="quiet">${this.said}</li>`:p}
      </ul>
    </span>`}type(e){this.typed=e.target.value,window.clearTimeout(this.rest),this.rest=window.setTimeout(()=>{this.find()},oe),this.requestUpdate()}async find(){let e=this.typed??"",t=await Promise.all(this.column.targets.map(s=>this.findIn(s,e))).catch(()=>null);e===this.typed&&(this.offered=t?.flat()??[],this.said=t===null?"The names cannot be had now.":this.offered.length?"":"Nothing of this name.",[this.open,this.at]=[!0,this.offered.length?0:-1],this.requestUpdate())}async findIn(e,t){let s=await J(e.table);if(!s?.title)return[];let n={$select:`${s.key},${s.title}`,$filter:t?`contains(${s.title},${I(t)})`:void 0,$orderby:t?s.title:void 0,$top:re},{body:a}=await f(`${m}/${s.set}${v(n)}`);return a.value.map(i=>({table:s,navigation:e.navigation,key:String(i[s.key]),name:i[s.title]==null?String(i[s.key]):String(i[s.title])}))}key(e){if(e.key==="ArrowDown"&&!this.open)this.typed??="",this.find();else if(e.key==="ArrowDown"||e.key==="ArrowUp"){let t=e.key==="ArrowDown"?1:-1;this.at=Math.min(Math.max(this.at+t,0),this.offered.length-1)}else if(e.key==="Enter"&&this.open){let t=this.offered[this.at];t&&this.choose(t)}else if(e.key==="Escape"&&this.open)this.close();else return;e.preventDefault(),this.requestUpdate()}choose(e){this.chosen=e,this.dispatchEvent(new CustomEvent("chosen",{detail:e})),this.close()}close(){window.clearTimeout(this.rest),[this.open,this.at,this.typed,this.offered]=[!1,-1,null,[]],this.requestUpdate()}};customElements.define("tt-lookup",x);function G({column:l,row:h,put:e,wrong:t,editable:s,change:n}){let a=`field-${l.name}`,i=[t?`${a}-wrong`:"",l.description?`${a}-note`:""].filter(Boolean).join(" "),r=e&&"value"in e?e.value:h[l.property]??null,o=le({id:a,notes:i,column:l,row:h,put:e,value:r,wrong:t,editable:s,change:n});return d`<div class="field ${t?"wrong":""} ${e?"changed":""}" data-column=${l.name}>
    <label for=${a}>${l.label}${l.required?d`<span class="required" title="Required" aria-hidden="true"> *</span>`:p}</label>
    ${o}
    ${t?d`<p class="error" id=${`${a}-wrong`}>${t}</p>`:p}
    ${l.description?d`<p class="note" id=${`${a}-note`}>${l.description}</p>`:p}
  </div>`}function le({id:l,notes:h,column:e,row:t,put:s,value:n,wrong:a,editable:i,change:r}){let o=n===null?"":String(n),c=a?"true":p,u=h||p,$=y=>r({value:pe(e,y.target.value)});switch(e.kind){case"Picklist":case"State":case"Status":return d`<select id=${l} aria-invalid=${c} aria-describedby=${u} ?disabled=${!i} @change=${$}>
        <option value="" ?selected=${o===""}></option>
        ${he(e,t,o).map(y=>d`<option value=${y.value} ?selected=${String(y.value)===o}>${y.label}</option>`)}
      </select>`;case"Boolean":return d`<select id=${l} aria-invalid=${c} aria-describedby=${u} ?disabled=${!i} @change=${$}>
        <option value="" ?selected=${o===""}></option>
        <option value="true" ?selected=${o==="true"}>Yes</option>
        <option value="false" ?selected=${o==="false"}>No</option>
      </select>`;case"Lookup":{let y=s&&"chosen"in s?s.chosen:de(e,t);return d`<tt-lookup
        .column=${e}
        .chosen=${y}
        .name=${l}
        .describedby=${h}
        .disabled=${!i}
        @chosen=${X=>r({chosen:X.detail})}
      ></tt-lookup>`}case"Memo":return d`<textarea id=${l} rows="3" aria-invalid=${c} aria-describedby=${u} ?readonly=${!i} .value=${o} @change=${$}></textarea>`;default:{let y=/system$/.test(e.name)?null:H(n);return d`<input
          id=${l}
          .value=${o}
          inputmode=${["Decimal","Integer","BigInt","Double"].includes(e.kind)?"decimal":p}
          placeholder=${e.kind==="DateTime"&&i?"2026-01-31T08:00:00Z, or a date":p}
          aria-invalid=${c}
          aria-describedby=${u}
          ?readonly=${!i}
          @change=${$}
        >${y?d`<a class="out" href=${y} target="_blank" rel="noreferrer noopener">Open ↗</a>`:p}`}}}function he(l,h,e){if(e===""||l.choices.some(s=>String(s.value)===e))return l.choices;let t=h[`${l.property}@OData.Community.Display.V1.FormattedValue`];return[...l.choices,{value:Number(e),label:String(t??e)}]}function de(l,h){let e=h[l.property];if(e==null)return null;let t=h[`${l.property}@OData.Community.Display.V1.FormattedValue`];return{table:null,navigation:"",key:String(e),name:String(t??e)}}function pe(l,h){if(h==="")return null;switch(l.kind){case"Picklist":case"State":case"Status":return Number(h);case"Boolean":return h==="true";default:return h}}function Y(l,h){let e=[];for(let t of l){let s=h.get(t.name);if(s)if("value"in s)e.push(`${JSON.stringify(t.property)}:${ce(t,s.value)}`);else if(s.chosen){let{navigation:n,table:a,key:i}=s.chosen;e.push(`${JSON.stringify(`${n}@odata.bind`)}:${JSON.stringify(`/${a.set}(${i})`)}`)}else for(let{navigation:n}of t.targets.slice(0,1))e.push(`${JSON.stringify(`${n}@odata.bind`)}:null`)}return`{${e.join(",")}}`}function ce(l,h){return["Decimal","Integer","BigInt","Double"].includes(l.kind)&&typeof h=="string"&&/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(h)?h:JSON.stringify(h)}function L(l,{before:h,mine:e,theirs:t}){let s=n=>JSON.stringify(h[n.property]??null)!==JSON.stringify(t[n.property]??null);return l.filter(n=>e.has(n.name)||s(n)&&!/azurefhir/.test(n.name))}function Z(l,h,e){let t=(i,r)=>C(i,r).text||"(empty)",s=i=>{let r=h.mine.get(i.name);if(!r)return p;let o=c=>i.choices.find(u=>u.value===c)?.label;return"value"in r?o(r.value)??(r.value===null?"(empty)":String(r.value)):r.chosen?.name??"(empty)"},n=i=>h.choices.get(i.name)??"mine",a=(i,r)=>d`<input type="radio" name=${`side-${i.name}`} aria-label=${`${i.label}: ${r}`} .checked=${n(i)===r}
      @change=${()=>{h.choices.set(i.name,r),e.changed()}}>`;return d`<section class="card conflict" role="alert">
    <h2>Somebody else has changed this row</h2>
    <p>Nothing of yours is lost. Choose what shall stand, then save again.</p>
    <table class="table">
      <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">Theirs</th><th scope="col">Mine</th></tr></thead>
      <tbody>
        ${L(l,h).map(i=>{let r=h.mine.has(i.name);return d`<tr>
            <th scope="row">${i.label}</th>
            <td>${t(i,h.before)}</td>
            <td><label>${r?a(i,"theirs"):p} ${t(i,h.theirs)}</label></td>
            <td>${r?d`<label>${a(i,"mine")} ${s(i)}</label>`:p}</td>
          </tr>`})}
      </tbody>
    </table>
    <p class="actions">
      <button class="primary" @click=${e.save}>Save what is chosen</button>
      <button class="plain" @click=${e.leave}>Take theirs, drop mine</button>
    </p>
  </section>`}var Q={prefer:'odata.include-annotations="*"'},U=class extends g{constructor(){super(...arguments);this.schema=null;this.where=null;this.row=null;this.etag=null;this.puts=new Map;this.all=!1;this.saving=!1;this.refusedSave=null;this.theirs=null}static{this.properties={set:{},key:{},address:{}}}get isNew(){return this.key===""}willUpdate(e){(e.has("set")||e.has("key"))&&([this.schema,this.row,this.puts,this.refusedSave,this.theirs,this.all]=[null,null,new Map,null,null,this.key===""],this.load())}get url(){return`${m}/${this.set}(${this.key})`}async load(){await this.work(async e=>{let t=await P(this.set);if(!t)throw new w(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=t.label;let[s,n]=await Promise.all([b(t),_(t)]);if([this.schema,this.where]=[s,n],this.isNew)this.row={},await this.preset(s);else{let{body:a,etag:i}=await f(this.url,{signal:e,headers:Q});[this.row,this.etag]=[a,i]}})}async preset(e){for(let[t,s]of R("/app/").query){let n=e.columns.find(o=>o.property===t),a=n&&await P(R("/app/").query.get("of")??""),i=n?.targets.find(o=>o.table===a?.name)?.navigation;if(!n||!a?.title||!i)continue;let{body:r}=await f(`${m}/${a.set}(${s})?$select=${a.title}`);this.puts.set(n.name,{chosen:{table:a,navigation:i,key:s,name:String(r[a.title]??s)}})}}render(){let{schema:e,row:t}=this;if(!e||!t)return d`${this.state(()=>{this.load()})}`;let{table:s}=e,n=this.isNew?`New: ${s.label}`:String((s.title&&t[s.title])??"(no name)");return d`
      <p class="crumbs"><a href=${`/app/t/${s.set}`}>${s.label}</a></p>
      <div class="bar">
        <h1>${n}</h1>
        ${this.where?W(this.where):p}
        <span class="fill"></span>
        ${this.isNew?p:d`<button class="plain" @click=${()=>window.print()}>Print</button>
              <button class="plain danger" @click=${()=>K(e,[{...t,"@odata.etag":this.etag}],()=>T(`/app/t/${s.set}`))}>Delete</button>`}
      </div>
      ${this.state(()=>{this.load()})}
      ${this.theirs?Z(e.columns,{before:t,mine:this.puts,theirs:this.theirs.row,choices:this.theirs.choices},{changed:()=>this.requestUpdate(),save:()=>{this.settle()},leave:()=>this.drop()}):this.form(e,t)}
      ${this.isNew||this.theirs?p:this.beside(e)}
    `}form(e,t){let s=o=>this.isNew?o.create:o.update,n=o=>t[o.property]!=null||this.puts.has(o.name)||o.required||this.wrong(o)!==null,a=e.columns.filter(o=>o.kind!=="Key"&&(!this.isNew||o.create)),i=a.filter(o=>this.all||n(o)),r=a.length-a.filter(n).length;return d`
      <form novalidate @submit=${o=>{o.preventDefault(),this.save()}}>
        ${ue(i).map(([o,c])=>d`<fieldset class="card">
            <legend>${o}</legend>
            <div class="fields">
              ${c.map(u=>G({column:u,row:t,put:this.puts.get(u.name),wrong:this.wrong(u),editable:s(u),change:$=>this.put(u,$)}))}
            </div>
          </fieldset>`)}
        ${this.refusedSave?V(this.refusedSave):p}
        <div class="bar sticky">
          ${this.puts.size||this.isNew?d`<button class="primary" ?disabled=${this.saving}>${this.saving?"Saving …":"Save"}</button>
                <button type="button" class="plain" @click=${()=>this.drop()}>${this.isNew?"Do not make it":"Undo changes"}</button>`:p}
          <span class="fill"></span>
          ${r&&!this.isNew?d`<button type="button" class="plain" @click=${()=>{this.all=!this.all,this.requestUpdate()}}>${this.all?"Hide empty fields":`Show ${r} empty fields`}</button>`:p}
        </div>
        ${this.puts.size?z(this.isNew?E("POST",`${m}/${this.set}`,this.body):E("PATCH",this.url,this.body)):p}
      </form>
    `}wrong(e){let t=[e.name,e.property,...e.targets.map(a=>a.navigation)],s=a=>a!==null&&t.includes(a.replace(/@odata\.bind$/,"")),n=this.refusedSave;return n?n.details.find(a=>s(a.target))?.message??(s(n.target)?n.message:null):null}put(e,t){let s=this.row?.[e.property]??null,n=(i,r)=>i===r||i!==null&&r!==null&&String(i)===String(r);("value"in t?n(t.value,s):(t.chosen?.key??null)===s)?this.puts.delete(e.name):this.puts.set(e.name,t),this.requestUpdate()}get body(){return Y(this.schema?.columns??[],this.puts)}drop(){if(this.isNew)return T(`/app/t/${this.set}`);[this.puts,this.refusedSave,this.theirs]=[new Map,null,null],this.load()}async save(){[this.saving,this.refusedSave]=[!0,null],this.requestUpdate();let e=this.isNew?`${m}/${this.set}`:this.url,t={prefer:'return=representation,odata.include-annotations="*"'};!this.isNew&&this.etag&&(t["if-match"]=this.etag);try{let{body:s,etag:n}=await f(e,{method:this.isNew?"POST":"PATCH",body:this.body,headers:t});[this.puts,this.row,this.etag]=[new Map,s,n],this.isNew&&this.schema&&T(`/app/t/${this.set}/${String(s[this.schema.table.key])}`,{replace:!0})}catch(s){this.refusedSave=s instanceof w?s:new w(0,"Page",String(s)),this.refusedSave.status===412&&!this.isNew&&await this.compare()}this.saving=!1,this.requestUpdate(),await this.updateComplete,this.querySelector(".field.wrong input, .field.wrong select, .field.wrong textarea")?.focus()}async compare(){try{let{body:e,etag:t}=await f(this.url,{headers:Q});this.theirs={row:e,etag:t,choices:new Map},this.refusedSave=null}catch(e){e instanceof w&&(this.refusedSave=e)}}async settle(){let{theirs:e,row:t}=this;if(!(!e||!t)){for(let s of L(this.schema?.columns??[],{before:t,mine:this.puts,theirs:e.row}))e.choices.get(s.name)==="theirs"&&this.puts.delete(s.name);[this.row,this.etag,this.theirs]=[e.row,e.etag,null],this.puts.size&&await this.save(),this.requestUpdate()}}beside(e){let t=R("/app/").query.get("tab")??"",[s,n]=t.split("@"),a=e.related.find(i=>i.property===s&&i.table===n);return d`<section class="beside" aria-label="What belongs to it">
      <app-timeline .schema=${e} .key=${this.key}></app-timeline>
      <app-related
        .schema=${e}
        .key=${this.key}
        .chosen=${a??null}
        @chosen=${({detail:i})=>j({query:{tab:`${i.property}@${i.table}`}})}
      ></app-related>
    </section>`}};function ue(l){let h=new Map;for(let r of l){let o=/^([^:]{2,40}): /.exec(r.label)?.[1]??"";h.set(o,[...h.get(o)??[],r])}let e=h.get("")??[],t=[...h].filter(([r,o])=>r!==""&&o.length>1),s=[...h].filter(([r,o])=>r!==""&&o.length===1).flatMap(([,r])=>r),n=r=>/azurefhir|^statecode$|^statuscode$/.test(r.name),a=[...e,...s];return[["General",a.filter(r=>!n(r))],...t,["Record",a.filter(n)]].filter(([,r])=>r.length)}customElements.define("app-record",U);
