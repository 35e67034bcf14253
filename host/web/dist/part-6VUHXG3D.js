import{a as D,d as j,e as V,f as z,g as F,h as W}from"./part-ZHUXREOM.js";import{b as N,c as I}from"./part-ZD4QJIED.js";import{a as b,b as P}from"./part-OXFRHKAG.js";import{a as $,c as g,d as T,f as v,h as x}from"./part-OPEACBMC.js";import{a as k,c as R,d as A}from"./part-2FETXVJV.js";import{a as _,b as w,c as C}from"./part-THRFAO2Q.js";import{a as m,c as f,f as S}from"./part-KRQAAHH3.js";import{a as l,c as d,f as y,u as H}from"./part-QFVSUMPG.js";var K=50,q=class extends w{constructor(){super(...arguments);this.tables=[];this.of=null;this.rows=[];this.total=null;this.loaded=null}static{this.properties={schema:{attribute:!1},key:{},chosen:{attribute:!1}}}willUpdate(e){(e.has("chosen")||e.has("key"))&&this.load()}async load(){let{chosen:e}=this;[this.loaded,this.rows]=[null,[]],await this.work(async t=>{this.tables=await g();let s=this.tables.find(i=>i.name===e?.table);if(!s||!e)return;this.of=await v(s);let a={$select:[s.key,...this.columns(this.of).map(i=>i.property)].join(","),$filter:`${e.property} eq ${this.key}`,$count:"true",$top:K},{body:r}=await f(`${m}/${s.set}${S(a)}`,{signal:t,headers:{prefer:'odata.include-annotations="*"'}});[this.rows,this.loaded]=[r.value,e],this.total=typeof r["@odata.count"]=="number"?r["@odata.count"]:null})}columns(e){return D(e).filter(t=>t.property!==this.chosen?.property)}render(){let e=i=>this.tables.find(n=>n.name===i.table),t=i=>Y(this.schema.related,i.table)===i,s=i=>t(i)?"":` (${i.property.replace(/^_(msemr_|tt_)?|_value$/g,"")})`,a=this.schema.related.filter(e).map(i=>({lead:i,label:`${e(i)?.label}${s(i)}`})).sort((i,n)=>i.label.localeCompare(n.label));if(!a.length)return l`${this.state()}`;let r=this.of?.table;return l`<h2>Related</h2>
      <div class="bar">
        <select aria-label="Rows of" @change=${i=>{let n=a[Number(i.target.value)];n&&this.dispatchEvent(new CustomEvent("chosen",{detail:n.lead}))}}>
          <option value="" ?selected=${!this.chosen}>Choose what to see …</option>
          ${a.map(({lead:i,label:n},o)=>l`<option value=${o} ?selected=${i===this.chosen}>${n}</option>`)}
        </select>
        <span class="fill"></span>
        ${this.loaded&&r?.may.create?l`<a href=${`/app/t/${r.set}/new?${this.loaded.property}=${this.key}&of=${this.schema.table.set}`}>New: ${r.label}</a>`:d}
      </div>
      ${this.state(()=>{this.load()})}
      ${this.loaded&&r&&!this.rows.length?C(`No rows of ${r.label} belong to it.`):d}
      ${this.loaded&&r&&this.of&&this.rows.length?l`<tt-grid .table=${r} .columns=${this.columns(this.of)} .rows=${this.rows} .label=${r.label}
              .href=${i=>`/app/t/${r.set}/${String(i[r.key])}`}></tt-grid>
            <p class="quiet foot">${this.total===null||this.total<=this.rows.length?P(this.rows.length,"row"):`${this.rows.length} of ${P(this.total,"row")}`}</p>`:d}`}};function Y(c,p){let e=c.filter(t=>t.table===p);return e.find(t=>$.test(t.property))??e[0]}customElements.define("app-related",q);var Q=48,X=20,Z=4,E=class extends w{constructor(){super(...arguments);this.events=[];this.asked=!1;this.done=!1;this.failed=[];this.series=[]}static{this.properties={schema:{attribute:!1},key:{}}}willUpdate(e){e.has("key")&&e.get("key")!==void 0&&([this.events,this.asked,this.done,this.series]=[[],!1,!1,[]])}async load(){this.asked=!0,this.failed=[],await this.work(async e=>{let t=await g(),s=this.schema.related.filter(o=>$.test(o.property)&&t.some(h=>h.name===o.table&&!h.part)),a=new Map([...s].reverse().map(o=>[o.table,o])),r=[],i=[...a.values()].reverse().slice(0,Q),n=async()=>{for(let o=i.shift();o;o=i.shift()){try{r.push(...await this.eventsOf(o,e))}catch(h){if(e.aborted)throw h;this.failed=[...this.failed,t.find(u=>u.name===o?.table)?.label??o.table]}this.events=[...r].sort((h,u)=>Date.parse(u.time)-Date.parse(h.time)),this.requestUpdate()}};await Promise.all(Array.from({length:Z},n)),this.series=ee(this.events),this.done=!0}),await this.updateComplete,await this.draw()}async eventsOf(e,t){let s=(await g()).find(h=>h.name===e.table);if(!s)return[];let a=await v(s),r=a.columns.find(h=>h.kind==="DateTime"&&!/azurefhir/.test(h.name));if(!r||!s.title)return[];let i=a.columns.filter(h=>L(h)||M(h)),n={$select:[s.key,s.title,r.property,...i.map(h=>h.property)].join(","),$filter:`${e.property} eq ${this.key}`,$orderby:`${r.property} desc`,$top:X},{body:o}=await f(`${m}/${s.set}${S(n)}`,{signal:t,headers:{prefer:'odata.include-annotations="*"'}});return o.value.flatMap(h=>h[r.property]==null?[]:[{schema:a,row:h,when:r,time:String(h[r.property])}])}render(){return this.schema.related.some(t=>$.test(t.property))?l`<h2>Timeline</h2>
      ${this.asked?d:l`<button class="plain" @click=${()=>{this.load()}}>Show what happened</button>`}
      ${this.state(()=>{this.load()})}
      ${this.series.map((t,s)=>l`<figure class="card chart"><figcaption>${t.label}${t.unit?` (${t.unit})`:""}</figcaption><div data-chart=${s}></div></figure>`)}
      ${this.done&&!this.events.length?l`<p class="quiet">Nothing with a time is known.</p>`:d}
      ${this.failed.length?l`<div class="refusal" role="alert"><p>Not everything is here: ${this.failed.slice(0,5).join(", ")}${this.failed.length>5?` and ${this.failed.length-5} more tables`:""} did not answer.</p><button @click=${()=>{this.load()}}>Try again</button></div>`:d}
      <ol class="timeline">
        ${this.events.map(({schema:t,row:s,when:a})=>{let{text:r,title:i}=b(a,s),n=t.columns.filter(o=>(L(o)||M(o))&&s[o.property]!=null);return l`<li>
            <time datetime=${String(s[a.property])} title=${i}>${r}</time>
            <a href=${`/app/t/${t.table.set}/${String(s[t.table.key])}`}>${String(s[t.table.title??""]??"(no name)")}</a>
            ${n.length?l`<strong>${n.map(o=>b(o,s).text).join(" ")}</strong>`:d}
            <small>${t.table.label}</small>
          </li>`})}
      </ol>`:d}async draw(){if(!this.series.length)return;let{chart:e}=await import("./part-IDIEF2OQ.js");for(let[t,s]of this.series.entries()){let a=this.querySelector(`[data-chart="${t}"]`);a&&e(a,s.label,s.points)}}};function L(c){return c.kind==="Decimal"&&/valuetypequantityvalue$|valuequantity$/.test(c.name)}function M(c){return c.kind==="String"&&/valuequantityunit$|valuetypequantityunit$/.test(c.name)}function ee(c){let p=new Map;for(let{schema:t,row:s,time:a}of c){let r=t.columns.find(u=>L(u)&&s[u.property]!=null);if(!r)continue;let i=t.columns.find(u=>M(u)&&s[u.property]!=null),[n,o]=[String(s[t.table.title??""]??""),i?String(s[i.property]):""],h=p.get(`${n}
${o}`)??{label:n,unit:o,points:[]};h.points.push({time:Date.parse(a)/1e3,value:Number(s[r.property])}),p.set(`${n}
${o}`,h)}let e=[...p.values()].filter(({points:t})=>t.length>1);for(let{points:t}of e)t.sort((s,a)=>s.time-a.time);return e}customElements.define("app-timeline",E);function O(c,{before:p,mine:e,theirs:t}){let s=a=>JSON.stringify(p[a.property]??null)!==JSON.stringify(t[a.property]??null);return c.filter(a=>e.has(a.name)||s(a)&&!/azurefhir/.test(a.name))}function B(c,p,e){let t=(i,n)=>b(i,n).text||"(empty)",s=i=>{let n=p.mine.get(i.name);if(!n)return d;let o=h=>i.choices.find(u=>u.value===h)?.label;return"value"in n?o(n.value)??(n.value===null?"(empty)":String(n.value)):n.chosen?.name??"(empty)"},a=i=>p.choices.get(i.name)??"mine",r=(i,n)=>l`<input type="radio" name=${`side-${i.name}`} aria-label=${`${i.label}: ${n}`} .checked=${a(i)===n}
      @change=${()=>{p.choices.set(i.name,n),e.changed()}}>`;return l`<section class="card conflict" role="alert">
    <h2>Somebody else has changed this row</h2>
    <p>Nothing of yours is lost. Choose what shall stand, then save again.</p>
    <table class="table">
      <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">Theirs</th><th scope="col">Mine</th></tr></thead>
      <tbody>
        ${O(c,p).map(i=>{let n=p.mine.has(i.name);return l`<tr>
            <th scope="row">${i.label}</th>
            <td>${t(i,p.before)}</td>
            <td><label>${n?r(i,"theirs"):d} ${t(i,p.theirs)}</label></td>
            <td>${n?l`<label>${r(i,"mine")} ${s(i)}</label>`:d}</td>
          </tr>`})}
      </tbody>
    </table>
    <p class="actions">
      <button class="primary" @click=${e.save}>Save what is chosen</button>
      <button class="plain" @click=${e.leave}>Take theirs, drop mine</button>
    </p>
  </section>`}var G={prefer:'odata.include-annotations="*"'},U=class extends w{constructor(){super(...arguments);this.schema=null;this.where=null;this.row=null;this.etag=null;this.puts=new Map;this.all=!1;this.saving=!1;this.lingers=!1;this.refusedSave=null;this.theirs=null}static{this.properties={set:{},key:{},address:{}}}get isNew(){return this.key===""}willUpdate(e){(e.has("set")||e.has("key"))&&([this.schema,this.row,this.puts,this.refusedSave,this.theirs,this.all]=[null,null,new Map,null,null,this.key===""],this.load())}get waitsFor(){return this.where==="native"?"the server is slow":"the row lives in a FHIR service, which is slow"}get url(){return`${m}/${this.set}(${this.key})`}async load(){await this.work(async e=>{let t=await T(this.set);if(!t)throw new y(404,"UnknownTable",`There is no table “${this.set}” here.`);document.title=t.label;let[s,a]=await Promise.all([v(t),x(t)]);if([this.schema,this.where]=[s,a],this.requestUpdate(),this.isNew)this.row={},await this.preset(s);else{let{body:r,etag:i}=await f(this.url,{signal:e,headers:G});[this.row,this.etag]=[r,i]}})}async preset(e){for(let[t,s]of k("/app/").query){let a=e.columns.find(o=>o.property===t),r=a&&await T(k("/app/").query.get("of")??""),i=a?.targets.find(o=>o.table===r?.name)?.navigation;if(!a||!r?.title||!i)continue;let{body:n}=await f(`${m}/${r.set}(${s})?$select=${r.title}`);this.puts.set(a.name,{chosen:{table:r,navigation:i,key:s,name:String(n[r.title]??s)}})}}render(){let{schema:e,row:t}=this;if(!e||!t)return l`${this.state(()=>{this.load()})}`;let{table:s}=e,a=this.isNew?`New: ${s.label}`:String((s.title&&t[s.title])??"(no name)");return l`
      <p class="crumbs"><a href=${`/app/t/${s.set}`}>${s.label}</a></p>
      <div class="bar">
        <h1>${a}</h1>
        ${this.where?F(this.where):d}
        <span class="fill"></span>
        ${this.isNew?d:l`<a class="button plain" href=${`/console/playground?table=${s.name}&row=${this.key}`} title="For administrators: the FHIR that it is made of, cell by cell">Where it comes from</a>
              <button class="plain" @click=${()=>window.print()}>Print</button>
              ${s.may.remove?l`<button class="plain danger" @click=${()=>W(e,[{...t,"@odata.etag":this.etag}],()=>R(`/app/t/${s.set}`))}>Delete</button>`:d}`}
      </div>
      ${this.state(()=>{this.load()})}
      ${this.theirs?B(e.columns,{before:t,mine:this.puts,theirs:this.theirs.row,choices:this.theirs.choices},{changed:()=>this.requestUpdate(),save:()=>{this.settle()},leave:()=>this.drop()}):this.form(e,t)}
      ${this.isNew||this.theirs?d:this.beside(e)}
    `}form(e,t){if(this.isNew&&!e.table.may.create)return C("You may not make rows of this table.",l`<a href=${`/app/t/${e.table.set}`}>See those that there are</a>`);let s=o=>this.isNew?o.create:o.update&&e.table.may.change,a=o=>t[o.property]!=null||this.puts.has(o.name)||o.required||this.wrong(o)!==null,r=e.columns.filter(o=>o.kind!=="Key"&&(!this.isNew||o.create)),i=r.filter(o=>this.all||a(o)),n=r.length-r.filter(a).length;return l`
      <form novalidate @submit=${o=>{o.preventDefault(),this.save()}}>
        ${te(i).map(([o,h])=>l`<fieldset class="card">
            <legend>${o}</legend>
            <div class="fields">
              ${h.map(u=>V({column:u,row:t,put:this.puts.get(u.name),wrong:this.wrong(u),editable:s(u),change:J=>this.put(u,J)}))}
            </div>
          </fieldset>`)}
        ${this.refusedSave?H(this.refusedSave):d}
        <div class="bar sticky">
          ${this.puts.size||this.isNew?l`<button class="primary" ?disabled=${this.saving}>${this.saving?"Saving …":"Save"}</button>
                <button type="button" class="plain" @click=${()=>this.drop()}>${this.isNew?"Do not make it":"Undo changes"}</button>`:d}
          ${this.lingers?l`<span class="quiet" role="status">It takes long: ${this.waitsFor}. What you have typed stays.</span>`:d}
          <span class="fill"></span>
          ${n&&!this.isNew?l`<button type="button" class="plain" @click=${()=>{this.all=!this.all,this.requestUpdate()}}>${this.all?"Hide empty fields":`Show ${n} empty fields`}</button>`:d}
        </div>
        ${this.puts.size?I(this.isNew?N("POST",`${m}/${this.set}`,this.body):N("PATCH",this.url,this.body)):d}
      </form>
    `}wrong(e){let t=[e.name,e.property,...e.targets.map(r=>r.navigation)],s=r=>r!==null&&t.includes(r.replace(/@odata\.bind$/,"")),a=this.refusedSave;return a?a.details.find(r=>s(r.target))?.message??(s(a.target)?a.message:null):null}put(e,t){let s=this.row?.[e.property]??null,a=(i,n)=>i===n||i!==null&&n!==null&&String(i)===String(n);("value"in t?a(t.value,s):(t.chosen?.key??null)===s)?this.puts.delete(e.name):this.puts.set(e.name,t),this.requestUpdate()}get body(){return z(this.schema?.columns??[],this.puts)}drop(){if(this.isNew)return R(`/app/t/${this.set}`);[this.puts,this.refusedSave,this.theirs]=[new Map,null,null],this.load()}half(){let t=[...this.querySelectorAll(".field input")].find(j)?.closest(".field")?.dataset.column;return t?new y(0,"Incomplete","The date is not whole: fill in all of it, or empty it.",t,"Nothing was saved; what you have typed is still here."):null}async save(){if(this.refusedSave=this.half(),this.refusedSave)return this.shown();[this.saving,this.refusedSave]=[!0,null],this.requestUpdate();let e=this.isNew?`${m}/${this.set}`:this.url,t=window.setTimeout(()=>{this.lingers=!0,this.requestUpdate()},_),s={prefer:'return=representation,odata.include-annotations="*"'};!this.isNew&&this.etag&&(s["if-match"]=this.etag);try{let{body:a,etag:r}=await f(e,{method:this.isNew?"POST":"PATCH",body:this.body,headers:s});[this.puts,this.row,this.etag]=[new Map,a,r],this.isNew&&this.schema&&R(`/app/t/${this.set}/${String(a[this.schema.table.key])}`,{replace:!0})}catch(a){this.refusedSave=a instanceof y?a:new y(0,"Page",String(a)),this.refusedSave.status===412&&!this.isNew&&await this.compare()}window.clearTimeout(t),[this.saving,this.lingers]=[!1,!1],await this.shown()}async shown(){this.requestUpdate(),await this.updateComplete,this.querySelector(".field.wrong input, .field.wrong select, .field.wrong textarea")?.focus()}async compare(){try{let{body:e,etag:t}=await f(this.url,{headers:G});this.theirs={row:e,etag:t,choices:new Map},this.refusedSave=null}catch(e){e instanceof y&&(this.refusedSave=e)}}async settle(){let{theirs:e,row:t}=this;if(!(!e||!t)){for(let s of O(this.schema?.columns??[],{before:t,mine:this.puts,theirs:e.row}))e.choices.get(s.name)==="theirs"&&this.puts.delete(s.name);[this.row,this.etag,this.theirs]=[e.row,e.etag,null],this.puts.size&&await this.save(),this.requestUpdate()}}beside(e){let t=k("/app/").query.get("tab")??"",[s,a]=t.split("@"),r=e.related.find(i=>i.property===s&&i.table===a);return l`<section class="beside" aria-label="What belongs to it">
      <app-timeline .schema=${e} .key=${this.key}></app-timeline>
      <app-related
        .schema=${e}
        .key=${this.key}
        .chosen=${r??null}
        @chosen=${({detail:i})=>A({query:{tab:`${i.property}@${i.table}`}})}
      ></app-related>
    </section>`}};function te(c){let p=new Map;for(let n of c){let o=/^([^:]{2,40}): /.exec(n.label)?.[1]??"";p.set(o,[...p.get(o)??[],n])}let e=p.get("")??[],t=[...p].filter(([n,o])=>n!==""&&o.length>1),s=[...p].filter(([n,o])=>n!==""&&o.length===1).flatMap(([,n])=>n),a=n=>/azurefhir|^statecode$|^statuscode$/.test(n.name),r=[...e,...s];return[["General",r.filter(n=>!a(n))],...t,["Record",r.filter(a)]].filter(([,n])=>n.length)}customElements.define("app-record",U);
