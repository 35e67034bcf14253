import{a as e,b as s,d as h,m as a}from"./part-F2LQ2LJV.js";var u=300,g=5e3,d=class extends h{constructor(){super(...arguments);this.asking=null;this.waits="no";this.said=null;this.timers=[]}createRenderRoot(){return this}disconnectedCallback(){super.disconnectedCallback(),this.stop()}async work(i){this.stop();let o=new AbortController;this.asking=o,this.said=null;let l=(r,p)=>window.setTimeout(()=>{this.waits=p,this.requestUpdate()},r);this.timers=[l(u,"yes"),l(g,"long")];try{return await i(o.signal),!0}catch(r){return o.signal.aborted||(this.said=r),!1}finally{this.asking===o&&this.stop(),this.requestUpdate()}}stop(){this.asking?.abort(),this.asking=null,this.timers.forEach(i=>window.clearTimeout(i)),this.waits="no"}get refusal(){return this.said===null?null:this.said instanceof a?this.said:new a(0,"Page",String(this.said))}state(i){if(this.waits!=="no"){let o=this.waits==="long";return e`<div class="waits" role="status">
        <progress aria-label="Waiting"></progress>
        ${o?"The answer takes long: a FHIR service may be slow.":"One moment …"}
        ${o?e`<button @click=${()=>this.cancel()}>Stop</button>`:s}
      </div>`}return this.refusal?m(this.refusal,i):s}cancel(){this.stop(),this.said=new a(0,"Stopped","Stopped before the answer came."),this.requestUpdate()}},c={401:"Sign in to see this.",403:"Your role does not allow this. An administrator can change what your roles may do.",404:"It is not there, or not for you.",409:"It has changed meanwhile.",410:"The page of the list has expired. Load the list anew.",412:"Somebody else has changed it meanwhile.",429:"Too many requests at once. Try again shortly.",502:"The FHIR service behind this table gave no usable answer.",503:"The server or the FHIR service is busy. Try again shortly.",504:"The FHIR service behind this table took too long."};function m(t,n){return e`<div class="refusal" role="alert">
    <p><strong>${t.message}</strong></p>
    ${c[t.status]?e`<p>${c[t.status]}</p>`:s}
    ${t.hint?e`<p>${t.hint}</p>`:s}
    ${t.details.length?e`<ul>
          ${t.details.map(i=>e`<li>${i.target?e`<code>${i.target}</code>: `:s}${i.message}</li>`)}
        </ul>`:s}
    <p class="code"><code>${t.code}</code>${t.target?e` at <code>${t.target}</code>`:s}</p>
    ${n?e`<button @click=${n}>Try again</button>`:s}
  </div>`}function w(t,n=s){return e`<div class="empty" role="status"><p>${t}</p>${n}</div>`}export{d as a,m as b,w as c};
