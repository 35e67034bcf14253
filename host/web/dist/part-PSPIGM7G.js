import{b as f,c as w}from"./part-ZD4QJIED.js";import{b}from"./part-OXFRHKAG.js";import{a as p,d as y}from"./part-2FETXVJV.js";import{b as $,c as g}from"./part-THRFAO2Q.js";import{b as d,c as h}from"./part-KRQAAHH3.js";import{a as t,c as l}from"./part-QFVSUMPG.js";var m={reader:"reads every table",writer:"reads, makes, changes and deletes rows of every table",mapper:"looks after mappings, and sees no rows",admin:"may do everything"},u=class extends ${constructor(){super(...arguments);this.people=null;this.keys=[];this.given=null;this.asked=""}static{this.properties={address:{}}}willUpdate(){let n=this.chosen.join(",");(!this.people||n!==this.asked)&&this.load()}get chosen(){let n=p("/console/").query.get("roles");return n?n.split(","):[this.people?.roles.find(a=>!a.builtIn)?.name??"reader"]}load(){return this.work(async n=>{if(!this.people){this.asked=" ";let[a,e]=await Promise.all([h(`${d}/roles`,{signal:n}),h(`${d}/keys`,{signal:n})]);[this.people,this.keys]=[a.body,e.body.keys]}let r=this.chosen.join(",");this.asked=r,this.given=(await h(`${d}/roles/${encodeURIComponent(r)}`,{signal:n})).body.tables})}render(){let{people:n}=this;return t`<h1>People and roles</h1>
      <p class="quiet">Roles are written in the configuration, under <code>[roles]</code>, and given to people by what they sign in with.</p>
      ${this.state(()=>{this.people=null,this.requestUpdate()})}
      ${n?t`${n.login?l:t`<p class="refusal"><strong>There is no login: whoever reaches this server may do everything.</strong><br>Add one under <code>[auth]</code>; then roles hold.</p>`}
            ${this.who(n)}
            ${this.may(n)}
            ${this.written(n)}`:l}`}who({people:n,providers:r}){let a=[...n.map(e=>({name:e.name,how:"name and password",roles:e.roles.join(", ")})),...this.keys.filter(e=>!e.expired).map(e=>({name:e.name,how:"API key",roles:e.roles.join(", ")})),...r.map(e=>({name:`all of ${e.name}`,how:`token of ${e.issuer}${e.signIn?", also by signing in on the pages":""}`,roles:t`as the claim <code>${e.rolesClaim}</code> says`}))];return a.length?t`<h2>Who there is</h2>
      <div class="grid" tabindex="0"><table aria-label="People">
        <thead><tr><th scope="col">Name</th><th scope="col">By</th><th scope="col">Roles</th></tr></thead>
        <tbody>${a.map(e=>t`<tr><td>${e.name}</td><td>${e.how}</td><td>${e.roles}</td></tr>`)}</tbody>
      </table></div>`:g("Nobody is named: no password, no key, no provider.")}may({roles:n}){let r=this.chosen,a=(p("/console/").fragment.get("q")??"").toLowerCase(),e=(this.given??[]).filter(o=>`${o.label} ${o.table}`.toLowerCase().includes(a)),c=o=>{let v=r.includes(o)?r.filter(k=>k!==o):[...r,o];y({query:{roles:v.join(",")}})};return t`<h2>Who may what</h2>
      <div class="bar">
        <span class="quiet" id="roles-of">Callers with the roles</span>
        <span class="chips" role="group" aria-labelledby="roles-of">${n.map(o=>t`<button class="chip" aria-pressed=${r.includes(o.name)} title=${m[o.name]??l} @click=${()=>c(o.name)}>${o.name}</button>`)}</span>
        <span class="fill"></span>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${p("/console/").fragment.get("q")??""}
          @input=${o=>y({fragment:{q:o.target.value}})}>
      </div>
      ${this.given&&!e.length?g(a?"No table that they see is called so.":"They see no rows of any table.",a?l:t`<p>${r.map(o=>m[o]).filter(Boolean).join("; ")}</p>`):t`<div class="grid" tabindex="0"><table aria-label="What they may do">
            <thead><tr><th scope="col">Table</th><th scope="col">Read</th><th scope="col">Make</th><th scope="col">Change</th><th scope="col">Delete</th><th scope="col">Columns</th><th scope="col">Look</th></tr></thead>
            <tbody>${e.map(o=>t`<tr>
              <td><a href=${`/console/t/${o.table}`}>${o.label}</a>${o.shut?t` <span class="badge bad" title="The rules do not fit the table as it is now; the log says why">shut</span>`:l}</td>
              ${[o.read,o.create,o.update,o.delete].map(R)}
              <td>${j(o)}</td>
              <td><a aria-label=${`as they do: ${o.label}`} href=${`/console/explorer?${new URLSearchParams({roles:r.join(",")})}#${new URLSearchParams({query:`${o.entitySet}?$top=10`})}`}>as they do</a></td>
            </tr>`)}</tbody>
          </table></div>
          <p class="quiet foot">${b(e.length,"table")}${this.given?"; a table that is not here is not there for them":l}</p>`}
      ${w(f("GET",`${d}/roles/${encodeURIComponent(r.join(","))}`))}`}written({roles:n}){let r=n.filter(a=>!a.builtIn);return r.length?t`<h2>As they are written</h2>
      <div class="split">${r.map(a=>t`<section class="card"><h3>${a.name}</h3>
        <p>${a.inherits.length?t`What ${a.inherits.join(" and ")} may, except:`:"Only:"}</p>
        <dl class="facts">${a.rules.map(e=>t`<dt>${e.table==="*"?"every other table":t`<code>${e.table}</code>`}</dt>
          <dd>${e.operations.join(", ")||"nothing"}${e.where?t`, where <code>${e.where}</code>`:l}${e.hide.length?t`; without <code>${e.hide.join(", ")}</code>`:l}${e.mask.length?t`; without the values of <code>${e.mask.join(", ")}</code>`:l}</dd>`)}</dl>
      </section>`)}</div>`:t`<p class="quiet">The configuration has no roles of its own; ${Object.entries(m).map(([a,e],c)=>t`${c?"; ":""}<strong>${a}</strong> ${e}`)}.</p>`}};function R(s){if(!s)return t`<td class="quiet">no</td>`;let i=`given by ${s.by.join(", ")}`;return s.where?t`<td title=${i}>${s.where.map((n,r)=>t`${r?" or ":""}<code>${n}</code>`)}</td>`:t`<td title=${i}>${s.withParent?"with the row it is a part of":"all rows"}</td>`}function j({hidden:s,masked:i}){return!s.length&&!i.length?"all":t`${s.length?t`without <code>${s.join(", ")}</code>`:l}${s.length&&i.length?"; ":l}${i.length?t`no values of <code>${i.join(", ")}</code>`:l}`}customElements.define("console-people",u);
