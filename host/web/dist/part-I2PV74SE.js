import{a as L}from"./part-OM5CEHI6.js";import{b as p}from"./part-OPEACBMC.js";import{a as E,b as T,e as q}from"./part-2FETXVJV.js";import{a,c as i,e as o,f as c,h as b,i as y,j as g,m as r,n as f,o as v,p as w,q as k,s as $,u as S}from"./part-QFVSUMPG.js";var R={token:"API key or access token",basic:"Name and password"},u=class extends o{constructor(){super();this.way=null;this.providers=null;this.waitsFor=null;this.refusal=null;this.gone=new AbortController;this.ways=["token"],this.beside=!1}static{this.properties={ways:{attribute:!1},beside:{type:Boolean}}}createRenderRoot(){return this}connectedCallback(){super.connectedCallback(),b().then(e=>{this.providers=e,this.requestUpdate()})}disconnectedCallback(){super.disconnectedCallback(),this.gone.abort()}done(){this.dispatchEvent(new CustomEvent("done"))}async go(e){[this.waitsFor,this.refusal]=[e,null],this.requestUpdate();try{if(!this.beside){await y(e.name);return}let t=await g(e.name,this.gone.signal);if(t){v(e.name,t),this.done();return}}catch(t){this.refusal=t instanceof c?t:new c(0,"Page",String(t))}this.waitsFor=null,this.requestUpdate()}render(){let{providers:e}=this;return e?a`
      <p>${r()?"What you signed in with is not, or no longer, valid.":"This server asks who you are."}
        ${this.beside?"What you have typed stays, and goes on when you are back.":i}</p>
      ${this.refusal?S(this.refusal):i}
      ${e.map(t=>a`<p><button class="primary wide-button" ?disabled=${this.waitsFor!==null&&!this.beside} @click=${()=>{this.go(t)}}>Sign in with ${t.label}</button></p>`)}
      ${this.waitsFor&&this.beside?a`<p class="quiet" role="status">Sign in in the window that has opened.</p>`:i}
      ${e.length?a`<details class="other"><summary>Another way</summary>${this.form()}</details>`:this.form()}`:a`<p class="quiet" role="status">One moment …</p>`}form(){let e=this.way??this.ways[0]??"token",t=e==="basic";return a`<form
      @submit=${s=>{s.preventDefault();let n=new FormData(s.target);f(e,String(n.get("secret")),String(n.get("name")??"")),this.done()}}
    >
      ${this.ways.length>1?a`<label>With
            <select @change=${s=>{this.way=s.target.value,this.requestUpdate()}}>
              ${this.ways.map(s=>a`<option value=${s} ?selected=${s===e}>${R[s]}</option>`)}
            </select>
          </label>`:i}
      ${t?a`<label>Name <input name="name" autocomplete="username" required></label>`:i}
      <label>${t?"Password":R[e]}
        <input name="secret" type="password" autocomplete=${t?"current-password":"off"} required>
      </label>
      <p class="quiet">It is kept for this tab, until you close it or sign out.</p>
      <button class=${this.providers?.length?"plain":"primary"}>Sign in</button>
    </form>`}};customElements.define("tt-sign-in",u);function C(l){return new Promise(d=>{let e=document.createElement("dialog");e.setAttribute("aria-labelledby","sign-in-title");let t=Object.assign(document.createElement("h2"),{id:"sign-in-title",textContent:"Sign in again"}),s=Object.assign(document.createElement("tt-sign-in"),{ways:l,beside:!0}),n=Object.assign(document.createElement("button"),{className:"plain",textContent:"Not now"}),h=!1;s.addEventListener("done",()=>{h=!0,e.close()}),n.addEventListener("click",()=>e.close()),e.addEventListener("close",()=>{e.remove(),d(h)});let m=Object.assign(document.createElement("p"),{className:"actions"});m.append(n),e.append(t,s,m),document.body.append(e),e.showModal()})}L();var M=class extends o{constructor(){super(...arguments);this.follows=!0;this.asked=null}createRenderRoot(){return this}connectedCallback(){super.connectedCallback(),$(),this.follows&&q(this.root),T(()=>this.requestUpdate()),k(async e=>e.goesOn?C(e.ways):(this.asked=e,this.requestUpdate(),!1)),document.addEventListener("keydown",e=>this.key(e))}key(e){if(!(e.composedPath().some(s=>s instanceof HTMLElement&&s.matches("input, textarea, select, [contenteditable]"))||e.metaKey||e.ctrlKey||e.altKey))if(e.key==="/"){let s=this.querySelector("[data-search]");s&&(e.preventDefault(),s.focus())}else e.key==="?"&&this.querySelector("#keys")?.showModal()}render(){let e=E(this.root);return a`
      <a class="skip" href="#main" @click=${this.skip}>To the content</a>
      <header>
        <a class="brand" href=${this.root}>${this.title_}</a>
        <nav aria-label="Main">
          ${this.nav.map(({href:t,label:s})=>a`<a href=${t} aria-current=${this.isHere(t)?"page":i}>${s}</a>`)}
        </nav>
        <span class="fill"></span>
        ${r()?a`<button class="plain" @click=${this.leave}>Sign out</button>`:i}
        <button class="plain" aria-label="Keys" title="Keys (?)" @click=${()=>this.querySelector("#keys")?.showModal()}>?</button>
      </header>
      <main id="main" tabindex="-1">${this.asked?this.signIn(this.asked):this.show(e)}</main>
      <dialog id="keys" aria-labelledby="keys-title">
        <h2 id="keys-title">Keys</h2>
        <dl class="keys">
          <dt><kbd>/</kbd></dt><dd>search</dd>
          <dt><kbd>↑</kbd> <kbd>↓</kbd></dt><dd>go through the rows of a list</dd>
          <dt><kbd>Enter</kbd></dt><dd>open the row</dd>
          <dt><kbd>Space</kbd></dt><dd>mark the row</dd>
          <dt><kbd>Esc</kbd></dt><dd>close what is open</dd>
          <dt><kbd>?</kbd></dt><dd>this list</dd>
        </dl>
        <form method="dialog"><button class="plain">Close</button></form>
      </dialog>
    `}isHere(e){let{pathname:t}=window.location;return e===this.root?t===this.root:t.startsWith(e)}skip(e){e.preventDefault(),document.querySelector("#main")?.focus()}leave(){w(),p(),window.location.reload()}signIn({ways:e}){return a`<section class="card narrow">
      <h1>Sign in</h1>
      <tt-sign-in .ways=${e} @done=${()=>{p(),window.location.reload()}}></tt-sign-in>
    </section>`}};export{M as a};
