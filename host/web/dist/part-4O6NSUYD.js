import{a as y,b as k,c as v}from"./part-ZD4QJIED.js";import{b as u,c as h}from"./part-THRFAO2Q.js";import{b as l,c as d}from"./part-KRQAAHH3.js";import{a as s,c as o,f as n,u as p}from"./part-QFVSUMPG.js";var m=class extends u{constructor(){super(...arguments);this.keys=[];this.loaded=!1;this.made=null;this.refusedMake=null}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async e=>{this.keys=(await d(`${l}/keys`,{signal:e})).body.keys,this.loaded=!0})}async make(e){let a=new FormData(e),r=String(a.get("roles")).split(/[\s,]+/).filter(Boolean),i=String(a.get("expires")).trim();[this.refusedMake,this.made]=[null,null];try{let{body:t}=await d(`${l}/keys`,{method:"POST",body:{name:String(a.get("name")),roles:r,...i?{expires:i}:{}}});this.made=t,e.reset(),await this.load()}catch(t){this.refusedMake=t instanceof n?t:new n(0,"Page",String(t))}this.requestUpdate()}render(){return s`<h1>API keys</h1>
      <p class="quiet">For programs that cannot sign in otherwise, as Power BI. Which keys are asked for is said under <code>[auth]</code> in the configuration.</p>
      <form class="card" @submit=${e=>{e.preventDefault(),this.make(e.target)}}>
        <div class="fields">
          <div class="field"><label for="key-name">Name</label><input id="key-name" name="name" required></div>
          <div class="field"><label for="key-roles">Roles</label><input id="key-roles" name="roles" value="reader" required><p class="note">reader, writer, mapper, admin, or roles of the configuration</p></div>
          <div class="field"><label for="key-expires">Good for</label><input id="key-expires" name="expires" placeholder="90d"><p class="note">Empty: until it is revoked</p></div>
        </div>
        <p class="actions"><button class="primary">Make a key</button></p>
        ${this.refusedMake?p(this.refusedMake):o}
        ${this.made?s`<div role="status"><p><strong>The key of “${this.made.name}”. It is shown this once:</strong></p><pre>${this.made.key}</pre>
              <button type="button" @click=${()=>{navigator.clipboard.writeText(this.made?.key??"")}}>Copy</button></div>`:o}
      </form>
      ${this.state(()=>{this.load()})}
      ${this.loaded&&!this.keys.length?h("There is no key yet."):o}
      ${this.keys.length?s`<div class="grid" tabindex="0"><table aria-label="Keys">
            <thead><tr><th scope="col">Name</th><th scope="col">Roles</th><th scope="col">Good until</th><th scope="col">State</th></tr></thead>
            <tbody>${this.keys.map(e=>s`<tr><td>${e.name}</td><td>${e.roles.join(", ")}</td><td>${e.expires??"revoked"}</td>
              <td><button class="plain danger" @click=${()=>this.revoke(e)}>Revoke …</button></td></tr>`)}</tbody>
          </table></div>`:o}`}revoke(e){let a=`${l}/keys/${encodeURIComponent(e.name)}`,r=null;y(`Revoke the key of “${e.name}”?`,(i,t)=>{let f=async()=>{try{await d(a,{method:"DELETE"}),i(),this.load()}catch(c){r=c instanceof n?c:new n(0,"Page",String(c)),t()}};return s`<p>Whoever uses it is refused from now on. It cannot be brought back.</p>
        ${r?p(r):o}
        ${v(k("DELETE",a))}
        <p class="actions"><button class="primary danger" @click=${()=>{f()}}>Revoke</button> <button class="plain" @click=${i}>Keep</button></p>`})}};customElements.define("console-keys",m);
