import{a as k}from"./part-XUYPOV2M.js";import{a as b,b as h,c as $}from"./part-NX2RHDAS.js";import{b as d}from"./part-NOHHNR6P.js";import{a as m,b as p,l as s,m as l,n as g}from"./part-F2LQ2LJV.js";function M(t,e,i){v(`Put ${e.name} ${e.version} in force?`,`All tables of this mapping are made by version ${k(e.digest)} from the next request on. Requests under way end with the version that they began with. You can go back at once.`,"Put in force",{url:`${s}/tables/${t.name}/mapping`,body:{digest:e.digest,mode:"activate"}},i)}function R(t,e){v(`Go back to the version before, for ${t.label}?`,"The version that was in force before makes the rows from the next request on, of all tables of its mapping.","Go back",{url:`${s}/tables/${t.name}/mapping/rollback`},e)}function v(t,e,i,{url:f,body:a},y){let[n,o]=[null,!1];b(t,(u,c)=>{let w=async()=>{[o,n]=[!0,null],c();try{await g(f,{method:"POST",body:a}),u(),y()}catch(r){n=r instanceof l?r:new l(0,"Page",String(r))}o=!1,c()};return m`
      <p>${e}</p>
      ${n?d(n):p}
      ${$(h("POST",f,a===void 0?void 0:JSON.stringify(a)))}
      <p class="actions">
        <button class="primary" ?disabled=${o} @click=${()=>{w()}}>${o?"Working …":i}</button>
        <button class="plain" @click=${u}>Leave as it is</button>
      </p>`})}export{M as a,R as b};
