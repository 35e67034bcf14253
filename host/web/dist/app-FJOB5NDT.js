import{a as u}from"./part-DKQCHBB6.js";import{c as h}from"./part-QTIJVFQB.js";import{a as i,d as n}from"./part-2FETXVJV.js";import{a as f,c as d}from"./part-NOHHNR6P.js";import{a as t,b as p}from"./part-F2LQ2LJV.js";var c=class extends f{constructor(){super(...arguments);this.tables=[];this.loaded=!1}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async()=>{this.tables=await h(),this.loaded=!0})}render(){let o=i("/app/").fragment.get("q")??"",l=o.toLowerCase().split(/\s+/).filter(Boolean),s=e=>l.every($=>`${e.label} ${e.description} ${e.set}`.toLowerCase().includes($)),a=i("/app/").query.get("parts")==="yes",r=this.tables.filter(e=>s(e)&&(a||!e.part));return t`
      <div class="bar">
        <h1>Tables</h1>
        <span class="fill"></span>
        <label><input type="checkbox" .checked=${a} @change=${()=>n({query:{parts:a?null:"yes"}})}> Parts of rows too</label>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${o}
          @input=${e=>n({fragment:{q:e.target.value}})}>
      </div>
      ${this.state(()=>{this.load()})}
      <ul class="tiles">
        ${r.map(e=>t`<li><a class="card" href=${`/app/t/${e.set}`}>
            <strong>${e.label}</strong>
            ${e.description?t`<span>${e.description}</span>`:p}
            <small>${e.set}</small>
          </a></li>`)}
      </ul>
      ${this.loaded&&!this.tables.length?d("There is no table that you may see.",t`<p>An administrator can give you a role.</p>`):p}
      ${this.tables.length&&!r.length?d(`No table fits “${o}”.`,a?p:t`<button class="plain" @click=${()=>n({query:{parts:"yes"}})}>Look among parts of rows too</button>`):p}
    `}};customElements.define("app-home",c);var m=class extends u{constructor(){super(...arguments);this.root="/app/";this.title_="Turntable";this.nav=[{href:"/app/",label:"Tables"},{href:"/console/",label:"Console"}]}show({path:o}){let[l,s,a]=o,r=window.location.href;return l==="t"&&s&&a!==void 0?(import("./part-ABNXDVNG.js"),t`<app-record .set=${s} .key=${a==="new"?"":a} .address=${r}></app-record>`):l==="t"&&s?(import("./part-MO6ESN2Z.js"),t`<app-list .set=${s} .address=${r}></app-list>`):l?t`<div class="empty"><p>There is no such page.</p><a href="/app/">To the tables</a></div>`:t`<app-home .address=${r}></app-home>`}};customElements.define("tt-app",m);document.body.append(document.createElement("tt-app"));
