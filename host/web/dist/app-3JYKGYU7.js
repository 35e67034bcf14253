import{a as h}from"./part-I2PV74SE.js";import"./part-OM5CEHI6.js";import{c as u}from"./part-OPEACBMC.js";import{a as n,d as i}from"./part-2FETXVJV.js";import{b as f,c as d}from"./part-THRFAO2Q.js";import"./part-KRQAAHH3.js";import{a as t,c as p}from"./part-QFVSUMPG.js";var c=class extends f{constructor(){super(...arguments);this.tables=[];this.loaded=!1}static{this.properties={address:{}}}connectedCallback(){super.connectedCallback(),this.load()}load(){return this.work(async()=>{this.tables=await u(),this.loaded=!0})}render(){let l=n("/app/").fragment.get("q")??"",s=l.toLowerCase().split(/\s+/).filter(Boolean),r=e=>s.every($=>`${e.label} ${e.description} ${e.set}`.toLowerCase().includes($)),a=n("/app/").query.get("parts")==="yes",o=this.tables.filter(e=>r(e)&&(a||!e.part));return t`
      <div class="bar">
        <h1>Tables</h1>
        <span class="fill"></span>
        <label><input type="checkbox" .checked=${a} @change=${()=>i({query:{parts:a?null:"yes"}})}> Parts of rows too</label>
        <input type="search" data-search aria-label="Find a table" placeholder="Find a table" .value=${l}
          @input=${e=>i({fragment:{q:e.target.value}})}>
      </div>
      ${this.state(()=>{this.load()})}
      <ul class="tiles">
        ${o.map(e=>t`<li><a class="card" href=${`/app/t/${e.set}`}>
            <strong>${e.label}</strong>
            ${e.description?t`<span>${e.description}</span>`:p}
            <small>${e.set}</small>
          </a></li>`)}
      </ul>
      ${this.loaded&&!this.tables.length?d("There is no table that you may see.",t`<p>An administrator can give you a role.</p>`):p}
      ${this.tables.length&&!o.length?d(`No table fits “${l}”.`,a?p:t`<button class="plain" @click=${()=>i({query:{parts:"yes"}})}>Look among parts of rows too</button>`):p}
    `}};customElements.define("app-home",c);var m=class extends h{constructor(){super(...arguments);this.root="/app/";this.title_="Turntable";this.nav=[{href:"/app/",label:"Tables"},{href:"/console/",label:"Console"}]}show({path:l}){let[s,r,a]=l,o=window.location.href;return s==="t"&&r&&a!==void 0?(import("./part-6VUHXG3D.js"),t`<app-record .set=${r} .key=${a==="new"?"":a} .address=${o}></app-record>`):s==="t"&&r?(import("./part-3FHVDJN4.js"),t`<app-list .set=${r} .address=${o}></app-list>`):s==="tour"?(import("./part-UCJKMPSX.js"),t`<app-tour></app-tour>`):s?t`<div class="empty"><p>There is no such page.</p><a href="/app/">To the tables</a></div>`:t`<app-home .address=${o}></app-home>`}};customElements.define("tt-app",m);document.body.append(document.createElement("tt-app"));
