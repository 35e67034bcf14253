import{a as B,b as j,c as F}from"./part-ZD4QJIED.js";import{a as P,b as q,c as A}from"./part-OXFRHKAG.js";import{e as O}from"./part-OPEACBMC.js";import{a as v,c as k,e as N,f as H}from"./part-KRQAAHH3.js";import{a as l,c as d,e as b,f as E,u as L}from"./part-QFVSUMPG.js";var f=36,w=12,S=class extends b{constructor(){super();this.at=0;this.from=0;this.many=60;this.rows=[],this.columns=[],this.sorted=null,this.marked=new Set,this.markable=!1,this.label="Rows"}static{this.properties={table:{attribute:!1},columns:{attribute:!1},rows:{attribute:!1},sorted:{attribute:!1},marked:{attribute:!1},markable:{type:Boolean},href:{attribute:!1},label:{}}}createRenderRoot(){return this}willUpdate(e){e.has("rows")&&(this.at=Math.min(this.at,Math.max(this.rows.length-1,0)))}render(){let e=Math.max(Math.min(this.from,this.rows.length-1),0),t=this.rows.slice(e,e+this.many),a=this.rows.length-e-t.length,s=this.columns.length+(this.markable?1:0),o=r=>r>0?l`<tr aria-hidden="true"><td class="space" colspan=${s} .style=${`height:${r*f}px`}></td></tr>`:d;return l`<div class="grid" @scroll=${this.scrolled} tabindex="-1">
      <table role="grid" aria-label=${this.label} aria-rowcount=${this.rows.length+1}>
        <thead>
          <tr aria-rowindex="1">
            ${this.markable?l`<th class="mark"><input type="checkbox" aria-label="Mark all" .checked=${this.marked.size>0&&this.marked.size===this.rows.length} @change=${this.markAll}></th>`:d}
            ${this.columns.map(r=>this.head(r))}
          </tr>
        </thead>
        <tbody @keydown=${this.key}>
          ${o(e)}
          ${t.map((r,u)=>this.row(r,e+u))}
          ${o(a)}
        </tbody>
      </table>
    </div>`}head(e){let t=this.sorted?.column===e.property?this.sorted:null,a=t?t.descending?"descending":"ascending":"none";return l`<th scope="col" aria-sort=${a} class=${J(e)?"number":d}>
      <button class="head" title=${e.description||d} @click=${()=>this.sort(e,t)}>
        ${e.label}<span aria-hidden="true">${t?t.descending?" ↓":" ↑":""}</span>
      </button>
    </th>`}row(e,t){let a=String(e[this.table.key]),s=this.columns[0];return l`<tr aria-rowindex=${t+2} aria-selected=${this.markable?String(this.marked.has(a)):d}>
      ${this.markable?l`<td class="mark"><input type="checkbox" tabindex="-1" aria-label="Mark this row" .checked=${this.marked.has(a)} @change=${()=>this.mark(a)}></td>`:d}
      ${this.columns.map(o=>{let{text:r,title:u}=P(o,e),c=o===s?l`<a href=${this.href(e)} data-row=${t} tabindex=${t===this.at?0:-1}>${r||"(no name)"}</a>`:r;return l`<td title=${u||d} class=${J(o)?"number":d}>${c}</td>`})}
    </tr>`}sort(e,t){let a={column:e.property,descending:t!==null&&!t.descending};this.dispatchEvent(new CustomEvent("sorted",{detail:a}))}mark(e){let t=new Set(this.marked);t.delete(e)||t.add(e),this.dispatchEvent(new CustomEvent("marked",{detail:t}))}markAll(e){let t=e.target.checked?this.rows.map(a=>String(a[this.table.key])):[];this.dispatchEvent(new CustomEvent("marked",{detail:new Set(t)}))}scrolled(e){let t=e.target,a=Math.max(Math.floor(t.scrollTop/f)-w,0),s=Math.ceil(t.clientHeight/f)+2*w;t.scrollTop+t.clientHeight>t.scrollHeight-4*f&&this.dispatchEvent(new CustomEvent("end")),(a!==this.from||s!==this.many)&&([this.from,this.many]=[a,s],this.requestUpdate())}key(e){let t={ArrowDown:1,ArrowUp:-1,PageDown:10,PageUp:-10,Home:-1/0,End:1/0}[e.key];if(t!==void 0)e.preventDefault(),this.move(Math.min(Math.max(this.at+t,0),this.rows.length-1));else if(e.key===" "&&this.markable){e.preventDefault();let a=this.rows[this.at];a&&this.mark(String(a[this.table.key]))}}async move(e){this.at=e;let t=this.querySelector(".grid");t&&(e*f<t.scrollTop||(e+2)*f>t.scrollTop+t.clientHeight)&&(t.scrollTop=Math.max((e+2)*f-t.clientHeight,0),this.from=Math.max(e-this.many+w,Math.floor(t.scrollTop/f)-w,0)),this.requestUpdate(),await this.updateComplete,this.querySelector(`[data-row="${e}"]`)?.focus({preventScroll:!0})}};function J(n){return["Decimal","Integer","BigInt","Double"].includes(n.kind)}customElements.define("tt-grid",S);function U(n){let{columns:i,table:e}=n,t=i.filter(r=>r.name===e.title),a=i.filter(r=>r.name!==e.title&&C(r)>0);a.sort((r,u)=>C(u)-C(r)||i.indexOf(r)-i.indexOf(u));let s=z(a).slice(0,6-t.length);s.sort((r,u)=>i.indexOf(r)-i.indexOf(u));let o=[...t,...s];return o.length?o:i.slice(0,6)}function z(n){let i={DateTime:1,Decimal:1,Lookup:2,Picklist:2},e=new Map,[t,a]=[[],[]];for(let s of n){let o=(e.get(s.kind)??0)+1;e.set(s.kind,o),(o<=(i[s.kind]??1)?t:a).push(s)}return[...t,...a.filter(s=>s.required)]}function C(n){return n.kind==="Key"||/(system|version|url|number|identifier)$|azurefhir/.test(n.name)?0:({Lookup:2,Picklist:3,DateTime:4,Decimal:3,String:1,Boolean:1,Integer:2}[n.kind]??0)+(n.required?4:0)}function le(n,i){if(!i)return U(n);let e=i.split(",").flatMap(t=>n.columns.filter(a=>a.property===t));return e.length?e:U(n)}var R=/^\d{4}-\d{2}-\d{2}$/,Y=/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;function D(n,i){return n.kind!=="DateTime"?null:n.day?i===""||R.test(i)?"date":null:i===""||Y.test(i)&&!Number.isNaN(Date.parse(i))?"datetime-local":null}function M(n){return n.kind==="String"&&/(date|datetime)$/.test(n.name)}var $=(n,i=2)=>String(n).padStart(i,"0");function W(n){let i=new Date(n);if(n===""||Number.isNaN(i.getTime()))return"";let e=`${$(i.getFullYear(),4)}-${$(i.getMonth()+1)}-${$(i.getDate())}T${$(i.getHours())}:${$(i.getMinutes())}:${$(i.getSeconds())}`;return i.getMilliseconds()?`${e}.${$(i.getMilliseconds(),3)}`:e}function V(n,i){let e=new Date(n);return n===""||Number.isNaN(e.getTime())?"":i!==""&&e.getTime()===Date.parse(i)?i:e.toISOString().replace(".000Z","Z")}function ue(n){return R.test(n)&&V(`${n}T00:00:00`,"")||n}function G(){let{timeZone:n}=new Intl.DateTimeFormat().resolvedOptions();return`Your time (${n})`}function _(n){return n.validity.badInput}function K({id:n,calendar:i,value:e,invalid:t,described:a,change:s}){let o=i==="date",r=o?e:W(e);return l`<input id=${n} type=${i} step=${o?"1":/\.\d/.test(r)?"0.001":"1"} min=${o?"0001-01-01":"0001-01-01T00:00"} max=${o?"9999-12-31":"9999-12-31T23:59:59.999"}
    title=${e} .value=${r} aria-invalid=${t} aria-describedby=${a}
    @change=${u=>{let c=u.target;_(c)||s(o?c.value:V(c.value,e))}}>`}function Z(n,i,e,t){let a=s=>{let o=s.currentTarget.parentElement?.querySelector("input[type=date]");o&&(o.value=R.test(e)?e:"",o.showPicker())};return l`<span class="any-date">${n}
    <button type="button" class="plain" aria-label=${`Calendar: ${i}`} title="Calendar" @click=${a}><svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M3 2.5h10A1.5 1.5 0 0 1 14.5 4v9a1.5 1.5 0 0 1-1.5 1.5H3A1.5 1.5 0 0 1 1.5 13V4A1.5 1.5 0 0 1 3 2.5ZM1.5 6h13M5 1v3M11 1v3" fill="none" stroke="currentColor"></path></svg></button>
    <input type="date" class="behind" tabindex="-1" aria-hidden="true" max="9999-12-31" @change=${s=>{s.stopPropagation();let o=s.target.value;o&&t(o)}}></span>`}var Q=8,X=200,x=class extends b{constructor(){super();this.offered=[];this.open=!1;this.at=-1;this.typed=null;this.said="";this.rest=0;this.chosen=null,this.disabled=!1,this.describedby=""}static{this.properties={column:{attribute:!1},chosen:{attribute:!1},name:{},disabled:{type:Boolean},describedby:{}}}createRenderRoot(){return this}render(){let e=`${this.name}-list`;return l`<span class="lookup">
      <input
        id=${this.name}
        role="combobox"
        autocomplete="off"
        aria-expanded=${String(this.open)}
        aria-controls=${e}
        aria-autocomplete="list"
        aria-describedby=${this.describedby||d}
        aria-activedescendant=${this.at>=0?`${e}-${this.at}`:d}
        placeholder="Type a name"
        ?disabled=${this.disabled}
        .value=${this.typed??this.chosen?.name??""}
        @input=${this.type}
        @keydown=${this.key}
        @blur=${()=>this.close()}
      >
      ${this.chosen&&!this.disabled?l`<button type="button" class="plain" aria-label=${`Clear ${this.column.label}`} @click=${()=>this.choose(null)}>×</button>`:d}
      <ul role="listbox" id=${e} aria-label=${this.column.label} ?hidden=${!this.open}>
        ${this.offered.map((t,a)=>l`<li
            role="option"
            id=${`${e}-${a}`}
            aria-selected=${String(a===this.at)}
            @mousedown=${s=>{s.preventDefault(),this.choose(t)}}
          >
            ${t.name} <small>${t.table.label}</small>
          </li>`)}
        ${this.said?l`<li role="option" aria-disabled="true" class="quiet">${this.said}</li>`:d}
      </ul>
    </span>`}type(e){this.typed=e.target.value,window.clearTimeout(this.rest),this.rest=window.setTimeout(()=>{this.find()},X),this.requestUpdate()}async find(){let e=this.typed??"",t=await Promise.all(this.column.targets.map(a=>this.findIn(a,e))).catch(()=>null);e===this.typed&&(this.offered=t?.flat()??[],this.said=t===null?"The names cannot be had now. Type again in a moment.":this.offered.length?"":"Nothing of this name.",[this.open,this.at]=[!0,this.offered.length?0:-1],this.requestUpdate())}async findIn(e,t){let a=await O(e.table);if(!a?.title)return[];let s={$select:`${a.key},${a.title}`,$filter:t?`contains(${a.title},${N(t)})`:void 0,$orderby:t?a.title:void 0,$top:Q},{body:o}=await k(`${v}/${a.set}${H(s)}`);return o.value.map(r=>({table:a,navigation:e.navigation,key:String(r[a.key]),name:r[a.title]==null?String(r[a.key]):String(r[a.title])}))}key(e){if(e.key==="ArrowDown"&&!this.open)this.typed??="",this.find();else if(e.key==="ArrowDown"||e.key==="ArrowUp"){let t=e.key==="ArrowDown"?1:-1;this.at=Math.min(Math.max(this.at+t,0),this.offered.length-1)}else if(e.key==="Enter"&&this.open){let t=this.offered[this.at];t&&this.choose(t)}else if(e.key==="Escape"&&this.open)this.close();else return;e.preventDefault(),this.requestUpdate()}choose(e){this.chosen=e,this.dispatchEvent(new CustomEvent("chosen",{detail:e})),this.close()}close(){window.clearTimeout(this.rest),[this.open,this.at,this.typed,this.offered]=[!1,-1,null,[]],this.requestUpdate()}};customElements.define("tt-lookup",x);function ke({column:n,row:i,put:e,wrong:t,editable:a,change:s}){let o=`field-${n.name}`,r=e&&"value"in e?e.value:i[n.property]??null,u=r===null?"":String(r),c=a?D(n,u)==="datetime-local"?G():M(n)?"As exactly as it is known: 1987, 1987-05 or 1987-05-31":"":"",p=[n.description,c].filter(Boolean).join(" "),h=[t?`${o}-wrong`:"",p?`${o}-note`:""].filter(Boolean).join(" "),g=ee({id:o,notes:h,column:n,row:i,put:e,value:r,wrong:t,editable:a,change:s});return l`<div class="field ${t?"wrong":""} ${e?"changed":""}" data-column=${n.name}>
    <label for=${o}>${n.label}${n.required?l`<span class="required" title="Required" aria-hidden="true"> *</span>`:d}</label>
    ${g}
    ${t?l`<p class="error" id=${`${o}-wrong`}>${t}</p>`:d}
    ${p?l`<p class="note" id=${`${o}-note`}>${p}</p>`:d}
  </div>`}function ee({id:n,notes:i,column:e,row:t,put:a,value:s,wrong:o,editable:r,change:u}){let c=s===null?"":String(s),p=o?"true":d,h=i||d,g=m=>u({value:ie(e,m.target.value)});switch(e.kind){case"Picklist":case"State":case"Status":return l`<select id=${n} aria-invalid=${p} aria-describedby=${h} ?disabled=${!r} @change=${g}>
        <option value="" ?selected=${c===""}></option>
        ${te(e,t,c).map(m=>l`<option value=${m.value} ?selected=${String(m.value)===c}>${m.label}</option>`)}
      </select>`;case"Boolean":return l`<select id=${n} aria-invalid=${p} aria-describedby=${h} ?disabled=${!r} @change=${g}>
        <option value="" ?selected=${c===""}></option>
        <option value="true" ?selected=${c==="true"}>Yes</option>
        <option value="false" ?selected=${c==="false"}>No</option>
      </select>`;case"Lookup":{let m=a&&"chosen"in a?a.chosen:ne(e,t);return l`<tt-lookup
        .column=${e}
        .chosen=${m}
        .name=${n}
        .describedby=${i}
        .disabled=${!r}
        @chosen=${y=>u({chosen:y.detail})}
      ></tt-lookup>`}case"Memo":return l`<textarea id=${n} rows="3" aria-invalid=${p} aria-describedby=${h} ?readonly=${!r} .value=${c} @change=${g}></textarea>`;default:{let m=r?D(e,c):null;if(m)return K({id:n,calendar:m,value:c,invalid:p,described:h,change:T=>u({value:T||null})});let y=/system$/.test(e.name)?null:A(s),I=l`<input
          id=${n}
          .value=${c}
          inputmode=${["Decimal","Integer","BigInt","Double"].includes(e.kind)?"decimal":d}
          placeholder=${e.kind==="DateTime"&&r?e.day?"2026-01-31":"2026-01-31T08:00:00Z":d}
          aria-invalid=${p}
          aria-describedby=${h}
          ?readonly=${!r}
          @change=${g}
        >${y?l`<a class="out" href=${y} target="_blank" rel="noreferrer noopener">Open ↗</a>`:d}`;return r&&M(e)?Z(I,e.label,c,T=>u({value:T})):I}}}function te(n,i,e){if(e===""||n.choices.some(a=>String(a.value)===e))return n.choices;let t=i[`${n.property}@OData.Community.Display.V1.FormattedValue`];return[...n.choices,{value:Number(e),label:String(t??e)}]}function ne(n,i){let e=i[n.property];if(e==null)return null;let t=i[`${n.property}@OData.Community.Display.V1.FormattedValue`];return{table:null,navigation:"",key:String(e),name:String(t??e)}}function ie(n,i){if(i==="")return null;switch(n.kind){case"Picklist":case"State":case"Status":return Number(i);case"Boolean":return i==="true";default:return i}}function we(n,i){let e=[];for(let t of n){let a=i.get(t.name);if(a)if("value"in a)e.push(`${JSON.stringify(t.property)}:${ae(t,a.value)}`);else if(a.chosen){let{navigation:s,table:o,key:r}=a.chosen;e.push(`${JSON.stringify(`${s}@odata.bind`)}:${JSON.stringify(`/${o.set}(${r})`)}`)}else for(let{navigation:s}of t.targets.slice(0,1))e.push(`${JSON.stringify(`${s}@odata.bind`)}:null`)}return`{${e.join(",")}}`}function ae(n,i){return["Decimal","Integer","BigInt","Double"].includes(n.kind)&&typeof i=="string"&&/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(i)?i:JSON.stringify(i)}function Se(n){return n==="virtual"?l`<span class="badge virtual" title="Read from the FHIR service as you look, and written straight back">Live from FHIR</span>`:l`<span class="badge native" title="Kept in this server's own store">Kept here</span>`}function Ne({table:n},i,e){let[t,a]=[-1,null],s=r=>`${v}/${n.set}(${String(r[n.key])})`,o=async(r,u)=>{for(a=null,t=0;t<i.length;t++){u();let c=i[t],p=c["@odata.etag"];try{await k(s(c),{method:"DELETE",headers:typeof p=="string"?{"if-match":p}:{}})}catch(h){a=h instanceof E?h:new E(0,"Page",String(h)),i=i.slice(t),t=-1,u();return}}r(),e()};B(i.length===1?"Delete this row?":`Delete ${q(i.length,"row")}?`,(r,u)=>{let c=p=>n.title&&p[n.title]!=null?String(p[n.title]):String(p[n.key]);return l`
      <ul>${i.slice(0,10).map(p=>l`<li>${c(p)}</li>`)}${i.length>10?l`<li>and ${i.length-10} more</li>`:d}</ul>
      <p>This cannot be undone here. Where the rows live in a FHIR service, it decides what remains of them.</p>
      ${a?L(a):d}
      ${F(i.map(p=>j("DELETE",s(p))).join(`
`))}
      <p class="actions">
        <button class="primary danger" ?disabled=${t>=0} @click=${()=>{o(r,u)}}>${t>=0?`${t+1} of ${i.length} …`:"Delete"}</button>
        <button class="plain" @click=${r}>Keep</button>
      </p>`})}export{U as a,le as b,ue as c,_ as d,ke as e,we as f,Se as g,Ne as h};
