import{a as N,b as H,c as P}from"./part-NV6TCAXT.js";import{a as D,b as M,c as I}from"./part-OXFRHKAG.js";import{e as T}from"./part-2YVESMN5.js";import{a as b,c as g,e as C,f as R}from"./part-NJ5OCB5B.js";import{a as o,b as d,d as y,e as k,t as x}from"./part-RLODHPJ5.js";var f=36,v=12,w=class extends y{constructor(){super();this.at=0;this.from=0;this.many=60;this.rows=[],this.columns=[],this.sorted=null,this.marked=new Set,this.markable=!1,this.label="Rows"}static{this.properties={table:{attribute:!1},columns:{attribute:!1},rows:{attribute:!1},sorted:{attribute:!1},marked:{attribute:!1},markable:{type:Boolean},href:{attribute:!1},label:{}}}createRenderRoot(){return this}willUpdate(e){e.has("rows")&&(this.at=Math.min(this.at,Math.max(this.rows.length-1,0)))}render(){let e=Math.max(Math.min(this.from,this.rows.length-1),0),t=this.rows.slice(e,e+this.many),i=this.rows.length-e-t.length,s=this.columns.length+(this.markable?1:0),l=a=>a>0?o`<tr aria-hidden="true"><td class="space" colspan=${s} .style=${`height:${a*f}px`}></td></tr>`:d;return o`<div class="grid" @scroll=${this.scrolled} tabindex="-1">
      <table role="grid" aria-label=${this.label} aria-rowcount=${this.rows.length+1}>
        <thead>
          <tr aria-rowindex="1">
            ${this.markable?o`<th class="mark"><input type="checkbox" aria-label="Mark all" .checked=${this.marked.size>0&&this.marked.size===this.rows.length} @change=${this.markAll}></th>`:d}
            ${this.columns.map(a=>this.head(a))}
          </tr>
        </thead>
        <tbody @keydown=${this.key}>
          ${l(e)}
          ${t.map((a,c)=>this.row(a,e+c))}
          ${l(i)}
        </tbody>
      </table>
    </div>`}head(e){let t=this.sorted?.column===e.property?this.sorted:null,i=t?t.descending?"descending":"ascending":"none";return o`<th scope="col" aria-sort=${i} class=${O(e)?"number":d}>
      <button class="head" title=${e.description||d} @click=${()=>this.sort(e,t)}>
        ${e.label}<span aria-hidden="true">${t?t.descending?" ↓":" ↑":""}</span>
      </button>
    </th>`}row(e,t){let i=String(e[this.table.key]),s=this.columns[0];return o`<tr aria-rowindex=${t+2} aria-selected=${this.markable?String(this.marked.has(i)):d}>
      ${this.markable?o`<td class="mark"><input type="checkbox" tabindex="-1" aria-label="Mark this row" .checked=${this.marked.has(i)} @change=${()=>this.mark(i)}></td>`:d}
      ${this.columns.map(l=>{let{text:a,title:c}=D(l,e),h=l===s?o`<a href=${this.href(e)} data-row=${t} tabindex=${t===this.at?0:-1}>${a||"(no name)"}</a>`:a;return o`<td title=${c||d} class=${O(l)?"number":d}>${h}</td>`})}
    </tr>`}sort(e,t){let i={column:e.property,descending:t!==null&&!t.descending};this.dispatchEvent(new CustomEvent("sorted",{detail:i}))}mark(e){let t=new Set(this.marked);t.delete(e)||t.add(e),this.dispatchEvent(new CustomEvent("marked",{detail:t}))}markAll(e){let t=e.target.checked?this.rows.map(i=>String(i[this.table.key])):[];this.dispatchEvent(new CustomEvent("marked",{detail:new Set(t)}))}scrolled(e){let t=e.target,i=Math.max(Math.floor(t.scrollTop/f)-v,0),s=Math.ceil(t.clientHeight/f)+2*v;t.scrollTop+t.clientHeight>t.scrollHeight-4*f&&this.dispatchEvent(new CustomEvent("end")),(i!==this.from||s!==this.many)&&([this.from,this.many]=[i,s],this.requestUpdate())}key(e){let t={ArrowDown:1,ArrowUp:-1,PageDown:10,PageUp:-10,Home:-1/0,End:1/0}[e.key];if(t!==void 0)e.preventDefault(),this.move(Math.min(Math.max(this.at+t,0),this.rows.length-1));else if(e.key===" "&&this.markable){e.preventDefault();let i=this.rows[this.at];i&&this.mark(String(i[this.table.key]))}}async move(e){this.at=e;let t=this.querySelector(".grid");t&&(e*f<t.scrollTop||(e+2)*f>t.scrollTop+t.clientHeight)&&(t.scrollTop=Math.max((e+2)*f-t.clientHeight,0),this.from=Math.max(e-this.many+v,Math.floor(t.scrollTop/f)-v,0)),this.requestUpdate(),await this.updateComplete,this.querySelector(`[data-row="${e}"]`)?.focus({preventScroll:!0})}};function O(n){return["Decimal","Integer","BigInt","Double"].includes(n.kind)}customElements.define("tt-grid",w);function q(n){let{columns:r,table:e}=n,t=r.filter(a=>a.name===e.title),i=r.filter(a=>a.name!==e.title&&E(a)>0);i.sort((a,c)=>E(c)-E(a)||r.indexOf(a)-r.indexOf(c));let s=B(i).slice(0,6-t.length);s.sort((a,c)=>r.indexOf(a)-r.indexOf(c));let l=[...t,...s];return l.length?l:r.slice(0,6)}function B(n){let r={DateTime:1,Decimal:1,Lookup:2,Picklist:2},e=new Map,[t,i]=[[],[]];for(let s of n){let l=(e.get(s.kind)??0)+1;e.set(s.kind,l),(l<=(r[s.kind]??1)?t:i).push(s)}return[...t,...i.filter(s=>s.required)]}function E(n){return n.kind==="Key"||/(system|version|url|number|identifier)$|azurefhir/.test(n.name)?0:({Lookup:2,Picklist:3,DateTime:4,Decimal:3,String:1,Boolean:1,Integer:2}[n.kind]??0)+(n.required?4:0)}function Y(n,r){if(!r)return q(n);let e=r.split(",").flatMap(t=>n.columns.filter(i=>i.property===t));return e.length?e:q(n)}var j=8,A=200,S=class extends y{constructor(){super();this.offered=[];this.open=!1;this.at=-1;this.typed=null;this.said="";this.rest=0;this.chosen=null,this.disabled=!1,this.describedby=""}static{this.properties={column:{attribute:!1},chosen:{attribute:!1},name:{},disabled:{type:Boolean},describedby:{}}}createRenderRoot(){return this}render(){let e=`${this.name}-list`;return o`<span class="lookup">
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
      ${this.chosen&&!this.disabled?o`<button type="button" class="plain" aria-label=${`Clear ${this.column.label}`} @click=${()=>this.choose(null)}>×</button>`:d}
      <ul role="listbox" id=${e} aria-label=${this.column.label} ?hidden=${!this.open}>
        ${this.offered.map((t,i)=>o`<li
            role="option"
            id=${`${e}-${i}`}
            aria-selected=${String(i===this.at)}
            @mousedown=${s=>{s.preventDefault(),this.choose(t)}}
          >
            ${t.name} <small>${t.table.label}</small>
          </li>`)}
        ${this.said?o`<li role="option" aria-disabled="true" class="quiet">${this.said}</li>`:d}
      </ul>
    </span>`}type(e){this.typed=e.target.value,window.clearTimeout(this.rest),this.rest=window.setTimeout(()=>{this.find()},A),this.requestUpdate()}async find(){let e=this.typed??"",t=await Promise.all(this.column.targets.map(i=>this.findIn(i,e))).catch(()=>null);e===this.typed&&(this.offered=t?.flat()??[],this.said=t===null?"The names cannot be had now.":this.offered.length?"":"Nothing of this name.",[this.open,this.at]=[!0,this.offered.length?0:-1],this.requestUpdate())}async findIn(e,t){let i=await T(e.table);if(!i?.title)return[];let s={$select:`${i.key},${i.title}`,$filter:t?`contains(${i.title},${C(t)})`:void 0,$orderby:t?i.title:void 0,$top:j},{body:l}=await g(`${b}/${i.set}${R(s)}`);return l.value.map(a=>({table:i,navigation:e.navigation,key:String(a[i.key]),name:a[i.title]==null?String(a[i.key]):String(a[i.title])}))}key(e){if(e.key==="ArrowDown"&&!this.open)this.typed??="",this.find();else if(e.key==="ArrowDown"||e.key==="ArrowUp"){let t=e.key==="ArrowDown"?1:-1;this.at=Math.min(Math.max(this.at+t,0),this.offered.length-1)}else if(e.key==="Enter"&&this.open){let t=this.offered[this.at];t&&this.choose(t)}else if(e.key==="Escape"&&this.open)this.close();else return;e.preventDefault(),this.requestUpdate()}choose(e){this.chosen=e,this.dispatchEvent(new CustomEvent("chosen",{detail:e})),this.close()}close(){window.clearTimeout(this.rest),[this.open,this.at,this.typed,this.offered]=[!1,-1,null,[]],this.requestUpdate()}};customElements.define("tt-lookup",S);function re({column:n,row:r,put:e,wrong:t,editable:i,change:s}){let l=`field-${n.name}`,a=[t?`${l}-wrong`:"",n.description?`${l}-note`:""].filter(Boolean).join(" "),c=e&&"value"in e?e.value:r[n.property]??null,h=F({id:l,notes:a,column:n,row:r,put:e,value:c,wrong:t,editable:i,change:s});return o`<div class="field ${t?"wrong":""} ${e?"changed":""}" data-column=${n.name}>
    <label for=${l}>${n.label}${n.required?o`<span class="required" title="Required" aria-hidden="true"> *</span>`:d}</label>
    ${h}
    ${t?o`<p class="error" id=${`${l}-wrong`}>${t}</p>`:d}
    ${n.description?o`<p class="note" id=${`${l}-note`}>${n.description}</p>`:d}
  </div>`}function F({id:n,notes:r,column:e,row:t,put:i,value:s,wrong:l,editable:a,change:c}){let h=s===null?"":String(s),u=l?"true":d,m=r||d,$=p=>c({value:G(e,p.target.value)});switch(e.kind){case"Picklist":case"State":case"Status":return o`<select id=${n} aria-invalid=${u} aria-describedby=${m} ?disabled=${!a} @change=${$}>
        <option value="" ?selected=${h===""}></option>
        ${J(e,t,h).map(p=>o`<option value=${p.value} ?selected=${String(p.value)===h}>${p.label}</option>`)}
      </select>`;case"Boolean":return o`<select id=${n} aria-invalid=${u} aria-describedby=${m} ?disabled=${!a} @change=${$}>
        <option value="" ?selected=${h===""}></option>
        <option value="true" ?selected=${h==="true"}>Yes</option>
        <option value="false" ?selected=${h==="false"}>No</option>
      </select>`;case"Lookup":{let p=i&&"chosen"in i?i.chosen:U(e,t);return o`<tt-lookup
        .column=${e}
        .chosen=${p}
        .name=${n}
        .describedby=${r}
        .disabled=${!a}
        @chosen=${L=>c({chosen:L.detail})}
      ></tt-lookup>`}case"Memo":return o`<textarea id=${n} rows="3" aria-invalid=${u} aria-describedby=${m} ?readonly=${!a} .value=${h} @change=${$}></textarea>`;default:{let p=/system$/.test(e.name)?null:I(s);return o`<input
          id=${n}
          .value=${h}
          inputmode=${["Decimal","Integer","BigInt","Double"].includes(e.kind)?"decimal":d}
          placeholder=${e.kind==="DateTime"&&a?"2026-01-31T08:00:00Z, or a date":d}
          aria-invalid=${u}
          aria-describedby=${m}
          ?readonly=${!a}
          @change=${$}
        >${p?o`<a class="out" href=${p} target="_blank" rel="noreferrer noopener">Open ↗</a>`:d}`}}}function J(n,r,e){if(e===""||n.choices.some(i=>String(i.value)===e))return n.choices;let t=r[`${n.property}@OData.Community.Display.V1.FormattedValue`];return[...n.choices,{value:Number(e),label:String(t??e)}]}function U(n,r){let e=r[n.property];if(e==null)return null;let t=r[`${n.property}@OData.Community.Display.V1.FormattedValue`];return{table:null,navigation:"",key:String(e),name:String(t??e)}}function G(n,r){if(r==="")return null;switch(n.kind){case"Picklist":case"State":case"Status":return Number(r);case"Boolean":return r==="true";default:return r}}function ae(n,r){let e=[];for(let t of n){let i=r.get(t.name);if(i)if("value"in i)e.push(`${JSON.stringify(t.property)}:${K(t,i.value)}`);else if(i.chosen){let{navigation:s,table:l,key:a}=i.chosen;e.push(`${JSON.stringify(`${s}@odata.bind`)}:${JSON.stringify(`/${l.set}(${a})`)}`)}else for(let{navigation:s}of t.targets.slice(0,1))e.push(`${JSON.stringify(`${s}@odata.bind`)}:null`)}return`{${e.join(",")}}`}function K(n,r){return["Decimal","Integer","BigInt","Double"].includes(n.kind)&&typeof r=="string"&&/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(r)?r:JSON.stringify(r)}function le(n){return n==="virtual"?o`<span class="badge virtual" title="Read from the FHIR service as you look, and written straight back">Live from FHIR</span>`:o`<span class="badge native" title="Kept in this server's own store">Kept here</span>`}function fe({table:n},r,e){let[t,i]=[-1,null],s=a=>`${b}/${n.set}(${String(a[n.key])})`,l=async(a,c)=>{for(i=null,t=0;t<r.length;t++){c();let h=r[t],u=h["@odata.etag"];try{await g(s(h),{method:"DELETE",headers:typeof u=="string"?{"if-match":u}:{}})}catch(m){i=m instanceof k?m:new k(0,"Page",String(m)),r=r.slice(t),t=-1,c();return}}a(),e()};N(r.length===1?"Delete this row?":`Delete ${M(r.length,"row")}?`,(a,c)=>{let h=u=>n.title&&u[n.title]!=null?String(u[n.title]):String(u[n.key]);return o`
      <ul>${r.slice(0,10).map(u=>o`<li>${h(u)}</li>`)}${r.length>10?o`<li>and ${r.length-10} more</li>`:d}</ul>
      <p>This cannot be undone here. Where the rows live in a FHIR service, it decides what remains of them.</p>
      ${i?x(i):d}
      ${P(r.map(u=>H("DELETE",s(u))).join(`
`))}
      <p class="actions">
        <button class="primary danger" ?disabled=${t>=0} @click=${()=>{l(a,c)}}>${t>=0?`${t+1} of ${r.length} …`:"Delete"}</button>
        <button class="plain" @click=${a}>Keep</button>
      </p>`})}export{q as a,Y as b,re as c,ae as d,le as e,fe as f};
