import{a as Qr}from"./part-ULQ6EUQ4.js";import{a as Xt,b as Ut,e as qt}from"./part-2FETXVJV.js";import{a as ae,b as Ee,d as _t,f as Jr,g as jt,h as Wt,i as Vt,j as Gt}from"./part-F2LQ2LJV.js";var I=Object.freeze({prefix:"fluent",shadowRootMode:"open",registry:globalThis.customElements});var ze={submit:"submit",reset:"reset",button:"button"};var Kt=`${I.prefix}-button`;var ie=class{constructor(e,t,o=!1){this.evaluate=e,this.policy=t,this.isVolatile=o}};var k;(function(r){r[r.needsArrayObservation=1101]="needsArrayObservation",r[r.onlySetDOMPolicyOnce=1201]="onlySetDOMPolicyOnce",r[r.bindingInnerHTMLRequiresTrustedTypes=1202]="bindingInnerHTMLRequiresTrustedTypes",r[r.twoWayBindingRequiresObservables=1203]="twoWayBindingRequiresObservables",r[r.hostBindingWithoutHost=1204]="hostBindingWithoutHost",r[r.unsupportedBindingBehavior=1205]="unsupportedBindingBehavior",r[r.directCallToHTMLTagNotAllowed=1206]="directCallToHTMLTagNotAllowed",r[r.onlySetTemplatePolicyOnce=1207]="onlySetTemplatePolicyOnce",r[r.cannotSetTemplatePolicyAfterCompilation=1208]="cannotSetTemplatePolicyAfterCompilation",r[r.blockedByDOMPolicy=1209]="blockedByDOMPolicy",r[r.invalidHydrationAttributeMarker=1210]="invalidHydrationAttributeMarker",r[r.duplicateRenderInstruction=1211]="duplicateRenderInstruction",r[r.missingElementDefinition=1401]="missingElementDefinition",r[r.noRegistrationForContext=1501]="noRegistrationForContext",r[r.noFactoryForResolver=1502]="noFactoryForResolver",r[r.invalidResolverStrategy=1503]="invalidResolverStrategy",r[r.cannotAutoregisterDependency=1504]="cannotAutoregisterDependency",r[r.cannotResolveKey=1505]="cannotResolveKey",r[r.cannotConstructNativeFunction=1506]="cannotConstructNativeFunction",r[r.cannotJITRegisterNonConstructor=1507]="cannotJITRegisterNonConstructor",r[r.cannotJITRegisterIntrinsic=1508]="cannotJITRegisterIntrinsic",r[r.cannotJITRegisterInterface=1509]="cannotJITRegisterInterface",r[r.invalidResolver=1510]="invalidResolver",r[r.invalidKey=1511]="invalidKey",r[r.noDefaultResolver=1512]="noDefaultResolver",r[r.cyclicDependency=1513]="cyclicDependency",r[r.connectUpdateRequiresController=1514]="connectUpdateRequiresController"})(k||(k={}));var j=r=>typeof r=="function",H=r=>typeof r=="string",Yt=()=>{};var ai=Object.create(null),y={warn(r,e){},error(r,e){return new Error(`Error ${r}`)},addMessages(r){Object.assign(ai,r)}};var Jt=Object.freeze([]);function ve(){let r=new Map;return Object.freeze({register(e){return r.has(e.type)?!1:(r.set(e.type,e),!0)},getByType(e){return r.get(e)},getForInstance(e){if(e!=null)return r.get(e.constructor)}})}function sr(){let r=new WeakMap;return function(e){let t=r.get(e);if(t===void 0){let o=Reflect.getPrototypeOf(e);for(;t===void 0&&o!==null;)t=r.get(o),o=Reflect.getPrototypeOf(o);t=t===void 0?[]:t.slice(0),r.set(e,t)}return t}}function C(r){r.prototype.toJSON=Yt}var lr=class extends ie{createObserver(){return this}bind(e){return this.evaluate(e.source,e.context)}};C(lr);function cr(r,e){return new lr(r,e)}var be=class{constructor(e,t){this.sub1=void 0,this.sub2=void 0,this.spillover=void 0,this.subject=e,this.sub1=t}has(e){return this.spillover===void 0?this.sub1===e||this.sub2===e:this.spillover.indexOf(e)!==-1}subscribe(e){let t=this.spillover;if(t===void 0){if(this.has(e))return;if(this.sub1===void 0){this.sub1=e;return}if(this.sub2===void 0){this.sub2=e;return}this.spillover=[this.sub1,this.sub2,e],this.sub1=void 0,this.sub2=void 0}else t.indexOf(e)===-1&&t.push(e)}unsubscribe(e){let t=this.spillover;if(t===void 0)this.sub1===e?this.sub1=void 0:this.sub2===e&&(this.sub2=void 0);else{let o=t.indexOf(e);o!==-1&&t.splice(o,1)}}notify(e){let t=this.spillover,o=this.subject;if(t===void 0){let n=this.sub1,a=this.sub2;n!==void 0&&n.handleChange(o,e),a!==void 0&&a.handleChange(o,e)}else for(let n=0,a=t.length;n<a;++n)t[n].handleChange(o,e)}},xe=class{constructor(e){this.subscribers={},this.subjectSubscribers=null,this.subject=e}notify(e){var t,o;(t=this.subscribers[e])===null||t===void 0||t.notify(e),(o=this.subjectSubscribers)===null||o===void 0||o.notify(e)}subscribe(e,t){var o,n;let a;t?a=(o=this.subscribers[t])!==null&&o!==void 0?o:this.subscribers[t]=new be(this.subject):a=(n=this.subjectSubscribers)!==null&&n!==void 0?n:this.subjectSubscribers=new be(this.subject),a.subscribe(e)}unsubscribe(e,t){var o,n;t?(o=this.subscribers[t])===null||o===void 0||o.unsubscribe(e):(n=this.subjectSubscribers)===null||n===void 0||n.unsubscribe(e)}};var W=[],Zr=[],ii=globalThis.requestAnimationFrame,rt=!0;function si(){if(Zr.length)throw Zr.shift()}function li(r){try{r.call()}catch(e){if(rt)Zr.push(e),setTimeout(si,0);else throw W.length=0,e}}function et(){let e=0;for(;e<W.length;)if(li(W[e]),e++,e>1024){for(let t=0,o=W.length-e;t<o;t++)W[t]=W[t+e];W.length-=e,e=0}W.length=0}function Qt(r){W.push(r),W.length<2&&(rt?ii(et):et())}var K=Object.freeze({enqueue:Qt,next:()=>new Promise(Qt),process:et,setMode:r=>rt=r});var se=Object.freeze({unknown:void 0,coupled:1}),x=(()=>{let r=K.enqueue,e=/(:|&&|\|\||if|\?\.)/,t=new WeakMap,o,n=d=>{throw y.error(k.needsArrayObservation)};function a(d){var l;let p=(l=d.$fastController)!==null&&l!==void 0?l:t.get(d);return p===void 0&&(Array.isArray(d)?p=n(d):t.set(d,p=new xe(d))),p}let s=sr();class c{constructor(l){this.name=l,this.field=`_${l}`,this.callback=`${l}Changed`}getValue(l){return o!==void 0&&o.watch(l,this.name),l[this.field]}setValue(l,p){let m=this.field,S=l[m];if(S!==p){l[m]=p;let w=l[this.callback];j(w)&&w.call(l,S,p),a(l).notify(this.name)}}}class u extends be{constructor(l,p,m=!1){super(l,p),this.expression=l,this.isVolatileBinding=m,this.needsRefresh=!0,this.needsQueue=!0,this.isAsync=!0,this.first=this,this.last=null,this.propertySource=void 0,this.propertyName=void 0,this.notifier=void 0,this.next=void 0}setMode(l){this.isAsync=this.needsQueue=l}bind(l){let p=this.observe(l.source,l.context);return!l.isBound&&this.requiresUnbind(l)&&l.onUnbind(this),p}requiresUnbind(l){return l.sourceLifetime!==se.coupled||this.first!==this.last||this.first.propertySource!==l.source}unbind(l){this.dispose()}observe(l,p){this.needsRefresh&&this.last!==null&&this.dispose();let m=o;o=this.needsRefresh?this:void 0,this.needsRefresh=this.isVolatileBinding;let S;try{S=this.expression(l,p)}finally{o=m}return S}disconnect(){this.dispose()}dispose(){if(this.last!==null){let l=this.first;for(;l!==void 0;)l.notifier.unsubscribe(this,l.propertyName),l=l.next;this.last=null,this.needsRefresh=this.needsQueue=this.isAsync}}watch(l,p){let m=this.last,S=a(l),w=m===null?this.first:{};if(w.propertySource=l,w.propertyName=p,w.notifier=S,S.subscribe(this,p),m!==null){if(!this.needsRefresh){let _;o=void 0,_=m.propertySource[m.propertyName],o=this,l===_&&(this.needsRefresh=!0)}m.next=w}this.last=w}handleChange(){this.needsQueue?(this.needsQueue=!1,r(this)):this.isAsync||this.call()}call(){this.last!==null&&(this.needsQueue=this.isAsync,this.notify(this))}*records(){let l=this.first;for(;l!==void 0;)yield l,l=l.next}}return C(u),Object.freeze({setArrayObserverFactory(d){n=d},getNotifier:a,track(d,l){o&&o.watch(d,l)},trackVolatile(){o&&(o.needsRefresh=!0)},notify(d,l){a(d).notify(l)},defineProperty(d,l){H(l)&&(l=new c(l)),s(d).push(l),Reflect.defineProperty(d,l.name,{enumerable:!0,get(){return l.getValue(this)},set(p){l.setValue(this,p)}})},getAccessors:s,binding(d,l,p=this.isVolatileBinding(d)){return new u(d,l,p)},isVolatileBinding(d){return e.test(d.toString())}})})();function tt(r,e){x.defineProperty(r,e)}var Zt=(()=>{let r=null;return{get(){return r},set(e){r=e}}})(),Y=Object.freeze({default:{index:0,length:0,get event(){return Y.getEvent()},eventDetail(){return this.event.detail},eventTarget(){return this.event.target}},getEvent(){return Zt.get()},setEvent(r){Zt.set(r)}});var ot=class extends ie{createObserver(e){return x.binding(this.evaluate,e,this.isVolatile)}};function dr(r,e,t=x.isVolatileBinding(r)){return new ot(r,e,t)}var N=Object.freeze({none:0,attribute:1,booleanAttribute:2,property:3,content:4,tokenList:5,event:6}),eo=r=>r,ci=globalThis.trustedTypes?globalThis.trustedTypes.createPolicy("fast-html",{createHTML:eo}):{createHTML:eo},ur=Object.freeze({createHTML(r){return ci.createHTML(r)},protect(r,e,t,o){return o}}),di=ur,J=Object.freeze({get policy(){return ur},setPolicy(r){if(ur!==di)throw y.error(k.onlySetDOMPolicyOnce);ur=r},setAttribute(r,e,t){t==null?r.removeAttribute(e):r.setAttribute(e,t)},setBooleanAttribute(r,e,t){t?r.setAttribute(e,""):r.removeAttribute(e)}});var nt="boolean",ro="reflect",ke=Object.freeze({locate:sr()}),to={toView(r){return r?"":null},fromView(r){return!!r}};var Re=class r{constructor(e,t,o=t.toLowerCase(),n=ro,a){this.guards=new Set,this.Owner=e,this.name=t,this.attribute=o,this.mode=n,this.converter=a,this.fieldName=`_${t}`,this.callbackName=`${t}Changed`,this.hasCallback=this.callbackName in e.prototype,n===nt&&a===void 0&&(this.converter=to)}setValue(e,t){let o=e[this.fieldName],n=this.converter;n!==void 0&&(t=n.fromView(t)),o!==t&&(e[this.fieldName]=t,this.tryReflectToAttribute(e),this.hasCallback&&e[this.callbackName](o,t),e.$fastController.notify(this.name))}getValue(e){return x.track(e,this.name),e[this.fieldName]}onAttributeChangedCallback(e,t){this.guards.has(e)||(this.guards.add(e),this.mode===nt?this.setValue(e,t!==null):this.setValue(e,t),this.guards.delete(e))}tryReflectToAttribute(e){let t=this.mode,o=this.guards;o.has(e)||t==="fromView"||K.enqueue(()=>{o.add(e);let n=e[this.fieldName];switch(t){case ro:{let a=this.converter;J.setAttribute(e,this.attribute,a!==void 0?a.toView(n):n);break}case nt:J.setBooleanAttribute(e,this.attribute,n);break}o.delete(e)})}static collect(e,...t){let o=[];t.push(ke.locate(e));for(let n=0,a=t.length;n<a;++n){let s=t[n];if(s!==void 0)for(let c=0,u=s.length;c<u;++c){let d=s[c];H(d)?o.push(new r(e,d)):o.push(new r(e,d.property,d.attribute,d.mode,d.converter))}}return o}};function v(r,e){let t;function o(n,a){arguments.length>1&&(t.property=a),ke.locate(n.constructor).push(t)}if(arguments.length>1){t={},o(r,e);return}return t=r===void 0?{}:r,o}var at;function oo(r){return r.reduce((e,t)=>(t instanceof L?e.push(...oo(t.styles)):e.push(t),e),[])}var L=class r{get strategy(){return this._strategy===null&&(at||r.setDefaultStrategy(r.supportsAdoptedStyleSheets?ui():gi()),this.withStrategy(at)),this._strategy}constructor(e){this.styles=e,this.targets=new WeakSet,this._strategy=null}addStylesTo(e){this.strategy.addStylesTo(e),this.targets.add(e)}removeStylesFrom(e){this.strategy.removeStylesFrom(e),this.targets.delete(e)}isAttachedTo(e){return this.targets.has(e)}withStrategy(e){return this._strategy=new e(oo(this.styles)),this}static setDefaultStrategy(e){at=e}static normalize(e){return e===void 0?void 0:Array.isArray(e)?new r(e):e instanceof r?e:new r([e])}};L.supportsAdoptedStyleSheets=Array.isArray(document.adoptedStyleSheets)&&"replace"in CSSStyleSheet.prototype;function ui(){let r=new Map;return class{constructor(t){this.sheets=t.map(o=>{if(o instanceof CSSStyleSheet)return o;let n=r.get(o);return n===void 0&&(n=new CSSStyleSheet,n.replaceSync(o),r.set(o,n)),n})}addStylesTo(t){let o=t;o.adoptedStyleSheets=[...o.adoptedStyleSheets,...this.sheets]}removeStylesFrom(t){let o=t;o.adoptedStyleSheets=o.adoptedStyleSheets.filter(n=>this.sheets.indexOf(n)===-1)}}}var pi=0;function gi(){return class{constructor(e){this.styles=e,this.styleClass=`fast-${++pi}`}addStylesTo(e){let t=e===document?document.body:e;for(let o=0;o<this.styles.length;o++){let n=document.createElement("style");n.innerHTML=this.styles[o],n.className=this.styleClass,t.append(n)}}removeStylesFrom(e){let t=e===document?document.body:e,o=t.querySelectorAll(`.${this.styleClass}`);for(let n=0,a=o.length;n<a;++n)t.removeChild(o[n])}}}var hi={},no=new WeakMap,it=ve(),Be=Object.freeze({register(r){if(!it.register(r))return!1;let e=io(r.registry);return Object.prototype.hasOwnProperty.call(e,r.name)||x.defineProperty(e,r.name),e[r.name]=r.type,!0},getByType:it.getByType,getForInstance:it.getForInstance,whenRegistered:fi});function io(r=customElements){if(r===customElements)return hi;let e=no.get(r);return e||(e={},no.set(r,e)),e}function ao(r){return r===void 0?void 0:Be.getByType(r)}function fi(r,e=customElements){let t=io(e);Object.prototype.hasOwnProperty.call(t,r)||x.defineProperty(t,r);let o=ao(t[r]);return o!==void 0?Promise.resolve(o):new Promise(n=>{let a=x.getNotifier(t),s={handleChange:()=>{let c=ao(t[r]);c!==void 0&&(a.unsubscribe(s,r),n(c))}};a.subscribe(s,r)})}var so={mode:"open"},lo={},co=new Set,gr=new WeakMap,pr=new WeakMap,de=new WeakMap,uo=new WeakMap,mi=new WeakMap;function vi(r){return j(r)}function bi(r){return typeof r?.then=="function"}function po(r,e){if(pr.delete(r),r.template===void 0&&e!==void 0&&(r.template=e),r.template!==void 0)return de.delete(r),gr.delete(r),r.template}function st(r,e=r.registry,t){if(!t?.length)return;let o=r,n=uo.get(o);if(!n?.has(e)){n===void 0&&(n=new WeakSet,uo.set(o,n)),n.add(e);for(let a of t)a(r)}}function hr(r){var e;return(e=mi.get(r))!==null&&e!==void 0?e:null}function lt(r){if(r.template!==void 0)return de.delete(r),r.template;let e=pr.get(r);if(e)return e;let t=gr.get(r);if(!t)return;de.delete(r);let o;try{o=t(r)}catch(n){throw de.set(r,n),n}if(bi(o)){let n=Promise.resolve(o).then(a=>po(r,a)).catch(a=>{throw pr.delete(r),de.set(r,a),a});return pr.set(r,n),n}return po(r,o)}function xi(r,e){let t=r;if(e===void 0){de.delete(t);return}de.set(t,e)}var z=class r{get isDefined(){return this.platformDefined}constructor(e,t=e.definition){var o;this.platformDefined=!1,H(t)&&(t={name:t}),this.type=e,this.name=t.name,this.registry=(o=t.registry)!==null&&o!==void 0?o:customElements,vi(t.template)?gr.set(this,t.template):this.template=t.template;let n=e.prototype,a=Re.collect(e,t.attributes),s=new Array(a.length),c={},u={};for(let d=0,l=a.length;d<l;++d){let p=a[d];s[d]=p.attribute,c[p.name]=p,u[p.attribute]=p,x.defineProperty(n,p)}Reflect.defineProperty(e,"observedAttributes",{value:s,enumerable:!0}),this.attributes=a,this.propertyLookup=c,this.attributeLookup=u,this.shadowOptions=t.shadowOptions===void 0?so:t.shadowOptions===null?void 0:Object.assign(Object.assign({},so),t.shadowOptions),this.elementOptions=t.elementOptions===void 0?lo:Object.assign(Object.assign({},lo),t.elementOptions),this.styles=L.normalize(t.styles),this.schema=t.schema,Be.register(this)}define(e=this.registry,t){let o=this.type;if(!e.get(this.name)){if(st(this,e,t),this.template===void 0&&gr.has(this))return Promise.resolve().then(()=>lt(this)).then(n=>{n!==void 0&&!e.get(this.name)&&(this.platformDefined=!0,e.define(this.name,o,this.elementOptions))}).catch(n=>{xi(this,n),x.notify(this,"template")}),this;this.platformDefined=!0,e.define(this.name,o,this.elementOptions)}return this}static compose(e,t){let o=co.has(e)||Be.getByType(e)?new r(class extends e{},t):new r(e,t);return Promise.resolve(o)}static registerBaseType(e){co.add(e)}};z.getByType=Be.getByType;z.getForInstance=Be.getForInstance;x.defineProperty(z.prototype,"template");var ki={bubbles:!0,composed:!0,cancelable:!0},ct="isConnected",fo=new WeakMap,dt=Symbol("fast-late-attribute-observer");function fr(r){var e,t;return(t=(e=r.shadowRoot)!==null&&e!==void 0?e:fo.get(r))!==null&&t!==void 0?t:null}var go,O;(function(r){r[r.connecting=0]="connecting",r[r.connected=1]="connected",r[r.disconnecting=2]="disconnecting",r[r.disconnected=3]="disconnected"})(O||(O={}));var le=class r{get isConnected(){return x.track(this,ct),this.stage===O.connected}get context(){var e,t;return(t=(e=this.view)===null||e===void 0?void 0:e.context)!==null&&t!==void 0?t:Y.default}get isBound(){var e,t;return(t=(e=this.view)===null||e===void 0?void 0:e.isBound)!==null&&t!==void 0?t:!1}get sourceLifetime(){var e;return(e=this.view)===null||e===void 0?void 0:e.sourceLifetime}get template(){var e;if(this._template===null){let t=this.definition;this.source.resolveTemplate?this._template=this.source.resolveTemplate():t.template&&(this._template=(e=t.template)!==null&&e!==void 0?e:null)}return this._template}set template(e){this._template!==e&&(this._template=e,this.needsInitialization||this.renderTemplate(e))}get shadowOptions(){return this._shadowRootOptions}set shadowOptions(e){if(this._shadowRootOptions===void 0&&e!==void 0){this._shadowRootOptions=e;let t=this.source.shadowRoot;t?this.hasExistingShadowRoot=!0:(t=this.source.attachShadow(e),e.mode==="closed"&&fo.set(this.source,t))}}get mainStyles(){var e;if(this._mainStyles===null){let t=this.definition;this.source.resolveStyles?this._mainStyles=this.source.resolveStyles():t.styles&&(this._mainStyles=(e=t.styles)!==null&&e!==void 0?e:null)}return this._mainStyles}set mainStyles(e){this._mainStyles!==e&&(this._mainStyles!==null&&this.removeStyles(this._mainStyles),this._mainStyles=e,this.needsInitialization||this.addStyles(e))}constructor(e,t){this.boundObservables=null,this.needsInitialization=!0,this.hasExistingShadowRoot=!1,this.isPrerendered=new Promise(a=>{this._resolvePrerendered=a}),this.isHydrated=new Promise(a=>{this._resolveHydrated=a}),this._template=null,this.stage=O.disconnected,this.guardBehaviorConnection=!1,this.behaviors=null,this.behaviorsConnected=!1,this._mainStyles=null,this.$fastController=this,this.view=null,this._notifier=new xe(e),this.source=e,this.definition=t,this.shadowOptions=t.shadowOptions;let o=Reflect.getPrototypeOf(e),n=o===null?[]:x.getAccessors(o);if(n.length>0){let a=this.boundObservables=Object.create(null);for(let s=0,c=n.length;s<c;++s){let u=n[s].name,d=e[u];d!==void 0&&(delete e[u],a[u]=d)}Object.keys(a).length===0&&(this.boundObservables=null)}this.captureBoundObservables()}get subject(){return this._notifier.subject}notify(e){this._notifier.notify(e)}subscribe(e,t){this._notifier.subscribe(e,t)}unsubscribe(e,t){this._notifier.unsubscribe(e,t)}onUnbind(e){var t;(t=this.view)===null||t===void 0||t.onUnbind(e)}addBehavior(e){var t,o;let n=(t=this.behaviors)!==null&&t!==void 0?t:this.behaviors=new Map,a=(o=n.get(e))!==null&&o!==void 0?o:0;a===0?(n.set(e,1),e.addedCallback&&e.addedCallback(this),e.connectedCallback&&!this.guardBehaviorConnection&&(this.stage===O.connected||this.stage===O.connecting)&&e.connectedCallback(this)):n.set(e,a+1)}removeBehavior(e,t=!1){let o=this.behaviors;if(o===null)return;let n=o.get(e);n!==void 0&&(n===1||t?(o.delete(e),e.disconnectedCallback&&this.stage!==O.disconnected&&e.disconnectedCallback(this),e.removedCallback&&e.removedCallback(this)):o.set(e,n-1))}addStyles(e){var t;if(!e)return;let o=this.source;e instanceof HTMLElement?((t=fr(o))!==null&&t!==void 0?t:this.source).append(e):e.isAttachedTo(o)||e.addStylesTo(o)}removeStyles(e){var t;if(!e)return;let o=this.source;e instanceof HTMLElement?((t=fr(o))!==null&&t!==void 0?t:o).removeChild(e):e.isAttachedTo(o)&&e.removeStylesFrom(o)}connect(){this.stage===O.disconnected&&(this.stage=O.connecting,this.captureBoundObservables(),this.syncLateAttributes(),this.observeLateAttributes(),this.bindObservables(),this.connectBehaviors(),this.needsInitialization?(this.renderTemplate(this.template),this.addStyles(this.mainStyles),this.needsInitialization=!1):this.view!==null&&this.view.bind(this.source),this.stage=O.connected,x.notify(this,ct))}bindObservables(){if(this.boundObservables!==null){let e=this.source,t=this.boundObservables,o=Object.keys(t);for(let n=0,a=o.length;n<a;++n){let s=o[n];e[s]=t[s]}this.boundObservables=null}}captureBoundObservables(){let e=this.source,t=Object.getOwnPropertyNames(e),o=a=>{let s=Reflect.getPrototypeOf(e);for(;s!==null;){let c=Reflect.getOwnPropertyDescriptor(s,a);if(c?.get||c?.set)return!0;s=Reflect.getPrototypeOf(s)}return!1},n=this.boundObservables;for(let a=0,s=t.length;a<s;++a){let u=t[a];if(!o(u))continue;let d=e[u];if(d===void 0){delete e[u];continue}delete e[u],(n??(n=this.boundObservables=Object.create(null)))[u]=d}}syncLateAttributes(){let e=hr(this.definition);if(e!==null)for(let t of Object.keys(e))this.source.hasAttribute(t)&&this.onAttributeChangedCallback(t,null,this.source.getAttribute(t))}observeLateAttributes(){let e=hr(this.definition);if(e===null)return;let t=this.source;t[dt]===void 0&&(t[dt]=new MutationObserver(o=>{let n=t.$fastController,a=hr(n.definition);if(a!==null)for(let s=0,c=o.length;s<c;++s){let u=o[s].attributeName;u===null||a[u]===void 0||n.onAttributeChangedCallback(u,null,t.getAttribute(u))}}),t[dt].observe(t,{attributes:!0,attributeFilter:Object.keys(e)}))}connectBehaviors(){if(this.behaviorsConnected===!1){let e=this.behaviors;if(e!==null){this.guardBehaviorConnection=!0;for(let t of e.keys())t.connectedCallback&&t.connectedCallback(this);this.guardBehaviorConnection=!1}this.behaviorsConnected=!0}}disconnectBehaviors(){if(this.behaviorsConnected===!0){let e=this.behaviors;if(e!==null)for(let t of e.keys())t.disconnectedCallback&&t.disconnectedCallback(this);this.behaviorsConnected=!1}}disconnect(){this.stage===O.connected&&(this.stage=O.disconnecting,x.notify(this,ct),this.view!==null&&this.view.unbind(),this.disconnectBehaviors(),this.stage=O.disconnected)}onAttributeChangedCallback(e,t,o){let n=this.definition.attributeLookup[e];n!==void 0&&n.onAttributeChangedCallback(this.source,o)}emit(e,t,o){return this.stage===O.connected?this.source.dispatchEvent(new CustomEvent(e,Object.assign(Object.assign({detail:t},ki),o))):!1}renderTemplate(e){var t;let o=this.source,n=(t=fr(o))!==null&&t!==void 0?t:o;if(this.view!==null)this.view.dispose(),this.view=null;else if((!this.needsInitialization||this.hasExistingShadowRoot)&&(!this.hasExistingShadowRoot||!this.needsInitialization))for(let a=n.firstChild;a!==null;a=n.firstChild)n.removeChild(a);if(e){let a=this.hasExistingShadowRoot&&this.needsInitialization,s=!1;a&&r.hydrationHook&&(s=r.hydrationHook(this,e,o,n)),s||this.renderClientSide(e,o,n),this._resolvePrerendered(a),this._resolveHydrated(s)}else this.needsInitialization&&(this._resolvePrerendered(!1),this._resolveHydrated(!1))}renderClientSide(e,t,o){if(this.hasExistingShadowRoot){for(let n=o.firstChild;n!==null;n=o.firstChild)o.removeChild(n);this.hasExistingShadowRoot=!1}this.view=e.render(t,o,t),this.view.sourceLifetime=se.coupled}static forCustomElement(e,t=!1){let o=e.$fastController;if(o!==void 0&&!t)return o;let n=z.getForInstance(e);if(n===void 0)throw y.error(k.missingElementDefinition);return x.getNotifier(n).subscribe({handleChange:()=>{r.forCustomElement(e,!0),e.$fastController.connect()}},"template"),x.getNotifier(n).subscribe({handleChange:()=>{r.forCustomElement(e,!0),e.$fastController.connect()}},"shadowOptions"),e.$fastController=new go(e,n)}static setStrategy(e){go=e}static installHydrationHook(e){r.hydrationHook=e}};le.hydrationHook=null;C(le);le.setStrategy(le);function mr(r){var e;return"adoptedStyleSheets"in r?r:(e=fr(r))!==null&&e!==void 0?e:r.getRootNode()}var vr=class r{constructor(e){let t=r.styleSheetCache;this.sheets=e.map(o=>{if(o instanceof CSSStyleSheet)return o;let n=t.get(o);return n===void 0&&(n=new CSSStyleSheet,n.replaceSync(o),t.set(o,n)),n})}addStylesTo(e){mo(mr(e),this.sheets)}removeStylesFrom(e){vo(mr(e),this.sheets)}};vr.styleSheetCache=new Map;var Bi=0,Si=()=>`fast-${++Bi}`;function ho(r){return r===document?document.body:r}var ut=class{constructor(e){this.styles=e,this.styleClass=Si()}addStylesTo(e){e=ho(mr(e));let t=this.styles,o=this.styleClass;for(let n=0;n<t.length;n++){let a=document.createElement("style");a.innerHTML=t[n],a.className=o,e.append(a)}}removeStylesFrom(e){e=ho(mr(e));let t=e.querySelectorAll(`.${this.styleClass}`);for(let o=0,n=t.length;o<n;++o)e.removeChild(t[o])}},mo=(r,e)=>{r.adoptedStyleSheets=[...r.adoptedStyleSheets,...e]},vo=(r,e)=>{r.adoptedStyleSheets=r.adoptedStyleSheets.filter(t=>e.indexOf(t)===-1)};if(L.supportsAdoptedStyleSheets){try{document.adoptedStyleSheets.push(),document.adoptedStyleSheets.splice(),mo=(r,e)=>{r.adoptedStyleSheets.push(...e)},vo=(r,e)=>{for(let t of e){let o=r.adoptedStyleSheets.indexOf(t);o!==-1&&r.adoptedStyleSheets.splice(o,1)}}}catch{}L.setDefaultStrategy(vr)}else L.setDefaultStrategy(ut);function bo(r){let e=class extends r{constructor(){super(),le.forCustomElement(this)}$emit(t,o,n){return this.$fastController.emit(t,o,n)}connectedCallback(){this.$fastController.connect()}disconnectedCallback(){this.$fastController.disconnect()}attributeChangedCallback(t,o,n){this.$fastController.onAttributeChangedCallback(t,o,n)}};return z.registerBaseType(e),e}function yi(r){return typeof r?.then=="function"}function Ni(r,e,t){return Array.isArray(e)&&(t=e,e=void 0),(j(r)?z.compose(r,e):z.compose(this,r)).then(n=>{st(n,n.registry,t);let a=lt(n);return yi(a)?a.then(()=>n.define().type):n.define().type})}function Pi(r){return bo(r)}var ue=Object.assign(bo(HTMLElement),{from:Pi,define:Ni});var pt=ve(),gt=Object.freeze({getForInstance:pt.getForInstance,getByType:pt.getByType,define(r){return pt.register({type:r}),r}});function xo(r,e){let t=[],o="";for(let n=0,a=r.length-1;n<a;++n){o+=r[n];let s=e[n];gt.getForInstance(s)!==void 0&&(s=s.createCSS()),s instanceof L||s instanceof CSSStyleSheet?(o.trim()!==""&&(t.push(o),o=""),t.push(s)):o+=s}return o+=r[r.length-1],o.trim()!==""&&t.push(o),t}var F=((r,...e)=>new L(xo(r,e))),br=class{constructor(e){this.value=e.length===0?"":e.length===1?e[0]:new L(e)}createCSS(){return this.value}};gt.define(br);F.partial=(r,...e)=>new br(xo(r,e));var ht=`fast-${Math.random().toString(36).substring(2,8)}`,xr=`${ht}{`,Me=`}${ht}`,wi=Me.length,Fi=0,_e=()=>`${ht}-${++Fi}`,kr=Object.freeze({interpolation:r=>`${xr}${r}${Me}`,attribute:r=>`${_e()}="${xr}${r}${Me}"`,comment:r=>`<!--${xr}${r}${Me}-->`}),je=Object.freeze({parse(r,e){let t=r.split(xr);if(t.length===1)return null;let o=[];for(let n=0,a=t.length;n<a;++n){let s=t[n],c=s.indexOf(Me),u;if(c===-1)u=s;else{let d=s.substring(0,c);o.push(e[d]),u=s.substring(c+wi)}u!==""&&o.push(u)}return o}});var ft=ve(),$=Object.freeze({getForInstance:ft.getForInstance,getByType:ft.getByType,define(r,e){return e=e||{},e.type=r,ft.register(e),r},assignAspect(r,e){if(!e){r.aspectType=N.content;return}switch(r.sourceAspect=e,e[0]){case":":r.targetAspect=e.substring(1),r.aspectType=r.targetAspect==="classList"?N.tokenList:N.property;break;case"?":r.targetAspect=e.substring(1),r.aspectType=N.booleanAttribute;break;case"@":r.targetAspect=e.substring(1),r.aspectType=N.event;break;default:r.targetAspect=e,r.aspectType=N.attribute;break}}});var pe=class{constructor(e){this.options=e}createHTML(e){return kr.attribute(e(this))}createBehavior(){return this}};C(pe);var Br=class extends pe{get id(){return this._id}set id(e){this._id=e,this._controllerProperty=`${e}-c`}bind(e){let t=e.targets[this.targetNodeId];t[this._controllerProperty]=e,this.updateTarget(e.source,this.computeNodes(t)),this.observe(t),e.onUnbind(this)}unbind(e){let t=e.targets[this.targetNodeId];this.updateTarget(e.source,Jt),this.disconnect(t),t[this._controllerProperty]=null}getSource(e){return e[this._controllerProperty].source}updateTarget(e,t){e[this.options.property]=t}computeNodes(e){let t=this.getNodes(e);return"filter"in this.options&&(t=t.filter(this.options.filter)),t}};var ko=/fe-b\$\$start\$\$(\d+)\$\$(.+)\$\$fe-b/,Ti=/fe-b\$\$end\$\$(\d+)\$\$(.+)\$\$fe-b/,Ai=/fe-repeat\$\$start\$\$(\d+)\$\$fe-repeat/,$i=/fe-repeat\$\$end\$\$(\d+)\$\$fe-repeat/,Hi=/^(?:.{0,1000})fe-eb\$\$start\$\$(.+?)\$\$fe-eb/,Ci=/fe-eb\$\$end\$\$(.{0,1000})\$\$fe-eb(?:.{0,1000})$/;function Bo(r){return r&&r.nodeType===Node.COMMENT_NODE}var E=Object.freeze({attributeMarkerName:"data-fe",legacyAttributeMarkerName:"data-fe-b",legacyCompactAttributeMarkerName:"data-fe-c",contentBindingStartMarker(){return"fe:b"},contentBindingEndMarker(){return"fe:/b"},repeatStartMarker(){return"fe:r"},repeatEndMarker(){return"fe:/r"},elementBoundaryStartMarker(){return"fe:e"},elementBoundaryEndMarker(){return"fe:/e"},isContentBindingStartMarker(r){return r==="fe:b"||ko.test(r)},isContentBindingEndMarker(r){return r==="fe:/b"||Ti.test(r)},isRepeatViewStartMarker(r){return r==="fe:r"||Ai.test(r)},isRepeatViewEndMarker(r){return r==="fe:/r"||$i.test(r)},isElementBoundaryStartMarker(r){return Bo(r)&&(r.data==="fe:e"||Hi.test(r.data))},isElementBoundaryEndMarker(r){return Bo(r)&&(r.data==="fe:/e"||Ci.test(r.data))},parseAttributeBindingCount(r){let e=r.getAttribute(this.attributeMarkerName);if(e===null)return null;let t=e.trim();if(!/^\d+$/.test(t))throw y.error(k.invalidHydrationAttributeMarker,{value:e});let o=parseInt(t,10);if(o<1)throw y.error(k.invalidHydrationAttributeMarker,{value:e});return o},parseLegacyAttributeBindingIndices(r){let e=[],t=r.getAttribute(this.legacyAttributeMarkerName);if(t!==null)for(let a of t.trim().split(/\s+/)){if(a==="")continue;let s=Number(a);if(!Number.isInteger(s)||s<0)throw y.error(k.invalidHydrationAttributeMarker,{value:t});e.push(s)}let o=`${this.legacyAttributeMarkerName}-`,n=`${this.legacyCompactAttributeMarkerName}-`;for(let a of r.getAttributeNames())if(a.startsWith(o)){let s=Number(a.slice(o.length));if(!Number.isInteger(s)||s<0)throw y.error(k.invalidHydrationAttributeMarker,{value:a});e.push(s)}else if(a.startsWith(n)){let[s,c]=a.slice(n.length).split("-").map(u=>Number(u));if(!Number.isInteger(s)||!Number.isInteger(c)||s<0||c<1)throw y.error(k.invalidHydrationAttributeMarker,{value:a});for(let u=0;u<c;u++)e.push(s+u)}return e.length===0?null:e},removeLegacyAttributeBindingMarkers(r){r.removeAttribute(this.legacyAttributeMarkerName);for(let e of r.getAttributeNames())(e.startsWith(`${this.legacyAttributeMarkerName}-`)||e.startsWith(`${this.legacyCompactAttributeMarkerName}-`))&&r.removeAttribute(e)},parseLegacyContentBindingStartIndex(r){return Li(ko,r)}});function Li(r,e){let t=r.exec(e);return t===null?null:Number(t[1])}var We=Symbol.for("fe-hydration");function Sr(r){return r[We]===We}var So="unknown";function yo(r,e){let t=e?`: ${e}`:"";return`Hydration mismatch in <${r}>${t}. Install hydrationDebugger() from "@microsoft/fast-element/hydration.js" and pass it as enableHydration({ debugger: hydrationDebugger() }) for an "Expected / Received" report including the SSR HTML snippet.`}var No="content following `<!--fe:b-->` content binding marker",Po="matching `<!--fe:/b-->` content binding close marker",wo="matching `<!--fe:/e-->` element boundary close marker";function mt(r){return`no more attribute bindings (template defines ${r})`}function Fo(r){return`no more content bindings (template defines ${r})`}function To(r,e){let t=(r??So).toLowerCase();return yo(t,e)}var Oi={formatBindingMismatch(r,e,t,o){return{message:To(o,void 0)}},formatStructuralError(r,e,t){return{message:To(e,t)}}},Di=Oi;function Q(){return Di}function Z(r){var e;return r?(e=r.getRootNode().host)===null||e===void 0?void 0:e.nodeName:void 0}var V=class extends Error{constructor(e,t,o,n,a){super(e),this.factories=t,this.node=o,this.expected=n,this.received=a}};function vt(r){return r.nodeType===Node.COMMENT_NODE}function Ao(r){return r.nodeType===Node.TEXT_NODE}function bt(r,e){let t=document.createRange();return t.setStart(r,0),t.setEnd(e,vt(e)||Ao(e)?e.data.length:e.childNodes.length),t}function $o(r,e,t){let o=bt(r,e),n=o.commonAncestorContainer,a=document.createTreeWalker(n,NodeFilter.SHOW_ELEMENT+NodeFilter.SHOW_COMMENT+NodeFilter.SHOW_TEXT,{acceptNode(p){return o.comparePoint(p,0)===0?NodeFilter.FILTER_ACCEPT:NodeFilter.FILTER_REJECT}}),s={},c={},u=zi(t),d=u,l=a.currentNode=r;for(;l!==null;){switch(l.nodeType){case Node.ELEMENT_NODE:{let p=l,m=E.parseLegacyAttributeBindingIndices(p);if(m!==null){for(let w of m){let _=w+u,ne=t[_];if(!ne){let Ie=mt(t.length),Yr=Q().formatStructuralError(l,Z(l),Ie);throw new V(Yr.message,t,p,Yr.expected,Yr.received)}Se(ne,l,s),d=Math.max(d,_+1)}E.removeLegacyAttributeBindingMarkers(p);break}let S=E.parseAttributeBindingCount(p);if(S!==null){for(let w=0;w<S;w++){let _=t[d++];if(!_){let ne=mt(t.length),Ie=Q().formatStructuralError(l,Z(l),ne);throw new V(Ie.message,t,l,Ie.expected,Ie.received)}Se(_,l,s)}p.removeAttribute(E.attributeMarkerName)}break}case Node.COMMENT_NODE:{let p=l.data;if(E.isElementBoundaryStartMarker(l))l.data="",Ei(a,t,l);else if(E.isContentBindingStartMarker(p)){let m=E.parseLegacyContentBindingStartIndex(p),S=m===null?d++:m+u,w=t[S];if(d=Math.max(d,S+1),!w){let _=Fo(t.length),ne=Q().formatStructuralError(l,Z(l),_);throw new V(ne.message,t,l,ne.expected,ne.received)}Ii(l,a,w,t,s,c)}break}}l=a.nextNode()}return o.detach(),{targets:s,boundaries:c}}function Ii(r,e,t,o,n,a){let s=[],c=e.nextSibling();if(r.data="",c===null){let l=No,p=Q().formatStructuralError(r,Z(r),l);throw new V(p.message,o,r,p.expected,p.received)}let u=c,d=0;for(;c!==null;){if(vt(c)){if(E.isContentBindingStartMarker(c.data))d++;else if(E.isContentBindingEndMarker(c.data)){if(d===0)break;d--}}s.push(c),c=e.nextSibling()}if(c===null){let l=Po,p=Q().formatStructuralError(r,Z(r),l);throw new V(p.message,o,r,p.expected,p.received)}if(c.data="",s.length===1&&Ao(s[0]))Se(t,s[0],n);else{c!==u&&c.previousSibling!==null&&(a[t.targetNodeId]={first:u,last:c.previousSibling});let l=c.parentNode.insertBefore(document.createTextNode(""),c);Se(t,l,n)}}function Ei(r,e,t){let o=0,n=r.nextSibling();for(;n!==null;){if(vt(n)){if(E.isElementBoundaryStartMarker(n))n.data="",o++;else if(E.isElementBoundaryEndMarker(n)){if(o===0){n.data="";return}n.data="",o--}}n=r.nextSibling()}let a=wo,s=Q().formatStructuralError(t,Z(t),a);throw new V(s.message,e,t,s.expected,s.received)}function zi(r){let e=0;for(let t=0,o=r.length;t<o&&r[t].targetNodeId==="h";++t)e++;return e}function Se(r,e,t){if(r.targetNodeId===void 0)throw new Error("Factory could not be target to the node");t[r.targetNodeId]=e}function ye(r,e){let t=r.parentNode,o=r,n;for(;o!==e;){if(n=o.nextSibling,!n)throw new Error(`Unmatched first/last child inside "${e.getRootNode().host.nodeName}".`);t.removeChild(o),o=n}t.removeChild(e)}var Ve=class{constructor(){this.index=0,this.length=0}get event(){return Y.getEvent()}get isEven(){return this.index%2===0}get isOdd(){return this.index%2!==0}get isFirst(){return this.index===0}get isInMiddle(){return!this.isFirst&&!this.isLast}get isLast(){return this.index===this.length-1}eventDetail(){return this.event.detail}eventTarget(){return this.event.target}},ge=class extends Ve{constructor(e,t,o){super(),this.fragment=e,this.factories=t,this.targets=o,this.behaviors=null,this.unbindables=[],this.source=null,this.isBound=!1,this.sourceLifetime=se.unknown,this._skipAttrUpdates=!1,this.isPrerendered=Promise.resolve(!1),this.isHydrated=Promise.resolve(!1),this.context=this,this.firstChild=e.firstChild,this.lastChild=e.lastChild}appendTo(e){e.appendChild(this.fragment)}insertBefore(e){if(this.fragment.hasChildNodes())e.parentNode.insertBefore(this.fragment,e);else{let t=this.lastChild;if(e.previousSibling===t)return;let o=e.parentNode,n=this.firstChild,a;for(;n!==t;)a=n.nextSibling,o.insertBefore(n,e),n=a;o.insertBefore(t,e)}}remove(){let e=this.fragment,t=this.lastChild,o=this.firstChild,n;for(;o!==t;)n=o.nextSibling,e.appendChild(o),o=n;e.appendChild(t)}dispose(){ye(this.firstChild,this.lastChild),this.unbind()}onUnbind(e){this.unbindables.push(e)}bind(e,t=this){if(this.source===e&&this.context===t)return;let o=this.behaviors;if(o===null){this.source=e,this.context=t,this.behaviors=o=new Array(this.factories.length);let n=this.factories;for(let a=0,s=n.length;a<s;++a){let c=n[a].createBehavior();c.bind(this),o[a]=c}}else{this.source!==null&&this.evaluateUnbindables(),this.isBound=!1,this.source=e,this.context=t;for(let n=0,a=o.length;n<a;++n)o[n].bind(this)}this.isBound=!0}unbind(){!this.isBound||this.source===null||(this.evaluateUnbindables(),this.source=null,this.context=this,this.isBound=!1)}evaluateUnbindables(){let e=this.unbindables;for(let t=0,o=e.length;t<o;++t)e[t].unbind(this);e.length=0}static disposeContiguousBatch(e){if(e.length!==0){ye(e[0].firstChild,e[e.length-1].lastChild);for(let t=0,o=e.length;t<o;++t)e[t].unbind()}}};C(ge);x.defineProperty(ge.prototype,"index");x.defineProperty(ge.prototype,"length");var Ho,he={unhydrated:"unhydrated",hydrating:"hydrating",hydrated:"hydrated"},xt=class extends Error{constructor(e,t,o,n,a,s){super(e),this.factory=t,this.fragment=o,this.templateString=n,this.expected=a,this.received=s}},kt=class extends Ve{get hydrationStage(){return this._hydrationStage}get targets(){return this._targets}get bindingViewBoundaries(){return this._bindingViewBoundaries}constructor(e,t,o,n){super(),this.firstChild=e,this.lastChild=t,this.sourceTemplate=o,this.hostBindingTarget=n,this[Ho]=We,this.context=this,this.source=null,this.isBound=!1,this.sourceLifetime=se.unknown,this.unbindables=[],this.fragment=null,this.behaviors=null,this._hydrationStage=he.unhydrated,this._bindingViewBoundaries={},this._targets={},this.factories=o.compile().factories}insertBefore(e){if(this.fragment!==null)if(this.fragment.hasChildNodes())e.parentNode.insertBefore(this.fragment,e);else{let t=this.lastChild;if(e.previousSibling===t)return;let o=e.parentNode,n=this.firstChild,a;for(;n!==t;)a=n.nextSibling,o.insertBefore(n,e),n=a;o.insertBefore(t,e)}}appendTo(e){this.fragment!==null&&e.appendChild(this.fragment)}remove(){let e=this.fragment||(this.fragment=document.createDocumentFragment()),t=this.lastChild,o=this.firstChild,n;for(;o!==t;){if(n=o.nextSibling,!n)throw new Error(`Unmatched first/last child inside "${t.getRootNode().host.nodeName}".`);e.appendChild(o),o=n}e.appendChild(t)}bind(e,t=this){if(this.source===e&&this.context===t)return;this.hydrationStage!==he.hydrated&&(this._hydrationStage=he.hydrating);let o=this.behaviors;if(o===null){this.source=e,this.context=t;try{let{targets:a,boundaries:s}=$o(this.firstChild,this.lastChild,this.factories);this._targets=a,this._bindingViewBoundaries=s}catch(a){if(a instanceof V){let s=this.sourceTemplate.html;typeof s!="string"&&(s=s.innerHTML),a.templateString=s}throw a}this.behaviors=o=new Array(this.factories.length);let n=this.factories;for(let a=0,s=n.length;a<s;++a){let c=n[a];if(c.targetNodeId==="h"&&this.hostBindingTarget&&Se(c,this.hostBindingTarget,this._targets),c.targetNodeId in this.targets){let u=c.createBehavior();u.bind(this),o[a]=u}else{let u=this.sourceTemplate.html;typeof u!="string"&&(u=u.innerHTML);let d=bt(this.firstChild,this.lastChild).cloneContents(),l=Q().formatBindingMismatch(c,this.firstChild,this.lastChild,Z(this.firstChild));throw new xt(l.message,c,d,u,l.expected,l.received)}}}else{this.source!==null&&this.evaluateUnbindables(),this.isBound=!1,this.source=e,this.context=t;for(let n=0,a=o.length;n<a;++n)o[n].bind(this)}this.isBound=!0,this._hydrationStage=he.hydrated}unbind(){!this.isBound||this.source===null||(this.evaluateUnbindables(),this.source=null,this.context=this,this.isBound=!1)}dispose(){ye(this.firstChild,this.lastChild),this.unbind()}onUnbind(e){this.unbindables.push(e)}evaluateUnbindables(){let e=this.unbindables;for(let t=0,o=e.length;t<o;++t)e[t].unbind(this);e.length=0}};Ho=We;C(kt);function Ri(r){return r.create!==void 0}function Mi(r,e,t,o){if(t==null&&(t=""),Ri(t)){r.textContent="";let n=r.$fastView;if(n===void 0)if(Sr(o)&&Sr(t)&&o.bindingViewBoundaries[this.targetNodeId]!==void 0&&o.hydrationStage!==he.hydrated){let a=o.bindingViewBoundaries[this.targetNodeId];n=t.hydrate(a.first,a.last)}else n=t.create();else r.$fastTemplate!==t&&(n.isComposed&&(n.remove(),n.unbind()),n=t.create());n.isComposed?n.needsBindOnly&&(n.needsBindOnly=!1,n.bind(o.source,o.context)):(n.isComposed=!0,n.bind(o.source,o.context),n.insertBefore(r),r.$fastView=n,r.$fastTemplate=t)}else{let n=r.$fastView;if(n!==void 0&&n.isComposed&&(n.isComposed=!1,n.remove(),n.needsBindOnly?n.needsBindOnly=!1:n.unbind()),n===void 0&&Sr(o)&&o.hydrationStage!==he.hydrated){let a=o.bindingViewBoundaries[this.targetNodeId];a!==void 0&&(ye(a.first,a.last),delete o.bindingViewBoundaries[this.targetNodeId])}r.textContent=t}}function _i(r,e,t){var o;let n=`${this.id}-t`,a=(o=r[n])!==null&&o!==void 0?o:r[n]={v:0,cv:Object.create(null)},s=a.cv,c=a.v,u=r[e];if(t!=null&&t.length){let d=t.split(/\s+/);for(let l=0,p=d.length;l<p;++l){let m=d[l];m!==""&&(s[m]=c,u.add(m))}}if(a.v=c+1,c!==0){c-=1;for(let d in s)s[d]===c&&u.remove(d)}}var ji={[N.attribute]:J.setAttribute,[N.booleanAttribute]:J.setBooleanAttribute,[N.property]:(r,e,t)=>r[e]=t,[N.content]:Mi,[N.tokenList]:_i,[N.event]:()=>{}},G=class{constructor(e){this.updateTarget=null,this.aspectType=N.content,this.dataBinding=e}createHTML(e){return kr.interpolation(e(this))}createBehavior(){var e;if(this.updateTarget===null){let t=ji[this.aspectType],o=(e=this.dataBinding.policy)!==null&&e!==void 0?e:this.policy;if(!t)throw y.error(k.unsupportedBindingBehavior);this.data=`${this.id}-d`,this.updateTarget=o.protect(this.targetTagName,this.aspectType,this.targetAspect,t)}return this}bind(e){var t;let o=e.targets[this.targetNodeId];switch(this.aspectType){case N.event:o[this.data]=e,o.addEventListener(this.targetAspect,this,this.dataBinding.options);break;case N.content:e.onUnbind(this);default:{let n=(t=o[this.data])!==null&&t!==void 0?t:o[this.data]=this.dataBinding.createObserver(this,this);n.target=o,n.controller=e;let a=n.bind(e);if(e._skipAttrUpdates&&(this.aspectType===N.attribute||this.aspectType===N.booleanAttribute))break;this.updateTarget(o,this.targetAspect,a,e);break}}}unbind(e){let o=e.targets[this.targetNodeId].$fastView;o!==void 0&&o.isComposed&&(o.unbind(),o.needsBindOnly=!0)}handleEvent(e){let t=e.currentTarget[this.data];if(t.isBound){Y.setEvent(e);let o=this.dataBinding.evaluate(t.source,t.context);Y.setEvent(null),o!==!0&&e.preventDefault()}}handleChange(e,t){let o=t.controller;if(!o.isBound)return;let n=t.target;this.updateTarget(n,this.targetAspect,t.bind(o),o)}};$.define(G,{aspected:!0});var Do=(r,e)=>`${r}.${e}`,Co={},X={index:0,node:null};function Lo(r){r.startsWith("fast-")||y.warn(k.hostBindingWithoutHost,{name:r})}var Wi=new Proxy(document.createElement("div"),{get(r,e){Lo(e);let t=Reflect.get(r,e);return j(t)?t.bind(r):t},set(r,e,t){return Lo(e),Reflect.set(r,e,t)}}),Bt=class{constructor(e,t,o){this.fragment=e,this.directives=t,this.policy=o,this.proto=null,this.nodeIds=new Set,this.descriptors={},this.factories=[]}addFactory(e,t,o,n,a){var s,c;this.nodeIds.has(o)||(this.nodeIds.add(o),this.addTargetDescriptor(t,o,n)),e.id=(s=e.id)!==null&&s!==void 0?s:_e(),e.targetNodeId=o,e.targetTagName=a,e.policy=(c=e.policy)!==null&&c!==void 0?c:this.policy,this.factories.push(e)}freeze(){return this.proto=Object.create(null,this.descriptors),this}addTargetDescriptor(e,t,o){let n=this.descriptors;if(t==="r"||t==="h"||n[t])return;if(!n[e]){let s=e.lastIndexOf("."),c=e.substring(0,s),u=parseInt(e.substring(s+1),10);this.addTargetDescriptor(c,e,u)}let a=Co[t];if(!a){let s=`_${t}`;Co[t]=a={get(){var c;return(c=this[s])!==null&&c!==void 0?c:this[s]=this[e].childNodes[o]}}}n[t]=a}createView(e){let t=this.fragment.cloneNode(!0),o=Object.create(this.proto);o.r=t,o.h=e??Wi;for(let n of this.nodeIds)Reflect.get(o,n);return new ge(t,this.factories,o)}};function Io(r,e,t,o,n,a=!1){let s=t.attributes,c=r.directives;for(let u=0,d=s.length;u<d;++u){let l=s[u],p=l.value,m=je.parse(p,c),S=null;m===null?a&&(S=new G(cr(()=>p,r.policy)),$.assignAspect(S,l.name)):S=yr.aggregate(m,r.policy),S!==null&&(t.removeAttributeNode(l),u--,d--,r.addFactory(S,e,o,n,t.tagName))}}function Vi(r,e,t,o,n){let a=je.parse(e.textContent,r.directives);if(a===null)return X.node=e.nextSibling,X.index=n+1,X;let s,c=s=e;for(let u=0,d=a.length;u<d;++u){let l=a[u];u!==0&&(n++,o=Do(t,n),s=c.parentNode.insertBefore(document.createTextNode(""),c.nextSibling)),H(l)?s.textContent=l:(s.textContent=" ",$.assignAspect(l),r.addFactory(l,t,o,n,null)),c=s}return X.index=n+1,X.node=c.nextSibling,X}function Eo(r,e,t){let o=0,n=e.firstChild;for(;n;){let a=Gi(r,t,n,o);n=a.node,o=a.index}}function Gi(r,e,t,o){let n=Do(e,o);switch(t.nodeType){case 1:Io(r,e,t,n,o),Eo(r,t,n);break;case 3:return Vi(r,t,e,n,o);case 8:{let a=je.parse(t.data,r.directives);a!==null&&r.addFactory(yr.aggregate(a),e,n,o,null);break}}return X.index=o+1,X.node=t.nextSibling,X}function Xi(r,e){return r&&r.nodeType===8&&je.parse(r.data,e)!==null}var Oo="TEMPLATE",yr={compile(r,e,t=J.policy){let o;if(H(r)){o=document.createElement(Oo),o.innerHTML=t.createHTML(r);let s=o.content.firstElementChild;s!==null&&s.tagName===Oo&&(o=s)}else o=r;!o.content.firstChild&&!o.content.lastChild&&o.content.appendChild(document.createComment(""));let n=document.adoptNode(o.content),a=new Bt(n,e,t);return Io(a,"",o,"h",0,!0),(Xi(n.firstChild,e)||n.childNodes.length===1&&Object.keys(e).length>0)&&n.insertBefore(document.createComment(""),n.firstChild),Eo(a,n,"r"),X.node=null,a.freeze()},setDefaultStrategy(r){this.compile=r},aggregate(r,e=J.policy){if(r.length===1)return r[0];let t,o=!1,n,a=r.length,s=r.map(d=>H(d)?()=>d:(t=d.sourceAspect||t,o=o||d.dataBinding.isVolatile,n=n||d.dataBinding.policy,d.dataBinding.evaluate)),c=(d,l)=>{let p="";for(let m=0;m<a;++m)p+=s[m](d,l);return p},u=new G(dr(c,n??e,o));return $.assignAspect(u,t),u}};var Ge=class extends pe{bind(e){e.source[this.options]=e.targets[this.targetNodeId]}};$.define(Ge);var Nr=r=>new Ge(r);var Ui=/([ \x09\x0a\x0c\x0d])([^\0-\x1F\x7F-\x9F "'>=/]+)([ \x09\x0a\x0c\x0d]*=[ \x09\x0a\x0c\x0d]*(?:[^ \x09\x0a\x0c\x0d"'`<>=]*|"[^"]*|'[^']*))$/,qi=Object.create(null),R=class{constructor(e,t=qi){this.html=e,this.factories=t}createHTML(e){let t=this.factories;for(let o in t)e(t[o]);return this.html}};R.empty=new R("");$.define(R);function Ki(r,e,t,o=$.getForInstance(r)){if(o.aspected){let n=Ui.exec(e);n!==null&&$.assignAspect(r,n[2])}return r.createHTML(t)}var Xe=class r{constructor(e,t={},o){this.policy=o,this.result=null,this.html=e,this.factories=t}compile(){return this.result===null&&(this.result=yr.compile(this.html,this.factories,this.policy)),this.result}inline(){return new R(H(this.html)?this.html:this.html.innerHTML,this.factories)}withPolicy(e){if(this.result)throw y.error(k.cannotSetTemplatePolicyAfterCompilation);if(this.policy)throw y.error(k.onlySetTemplatePolicyOnce);return this.policy=e,this}render(e,t,o){let n=this.create(o);return n.bind(e),n.appendTo(t),n}create(e){return this.compile().createView(e)}static create(e,t,o){let n="",a=Object.create(null),s=c=>{var u;let d=(u=c.id)!==null&&u!==void 0?u:c.id=_e();return a[d]=c,d};for(let c=0,u=e.length-1;c<u;++c){let d=e[c],l=t[c],p;if(n+=d,j(l))l=new G(dr(l));else if(l instanceof ie)l=new G(l);else if(!(p=$.getForInstance(l))){let m=l;l=new G(cr(()=>m))}n+=Ki(l,d,s,p)}return new r(n+e[e.length-1],a,o)}};C(Xe);var M=((r,...e)=>{if(Array.isArray(r)&&Array.isArray(r.raw))return Xe.create(r,e);throw y.error(k.directCallToHTMLTagNotAllowed)});M.partial=r=>new R(r);var zo="slotchange",Ue=class extends Br{observe(e){e.addEventListener(zo,this)}disconnect(e){e.removeEventListener(zo,this)}getNodes(e){return e.assignedNodes(this.options)}handleEvent(e){let t=e.currentTarget;this.updateTarget(this.getSource(t),this.computeNodes(t))}};$.define(Ue);function St(r){return H(r)&&(r={property:r}),new Ue(r)}var Yi=":host([hidden]){display:none}";function Ne(r){return`${Yi}:host{display:${r}}`}var Pe="var(--colorNeutralForeground1)",Ro="var(--colorNeutralForeground1Hover)",Mo="var(--colorNeutralForeground1Pressed)";var yt="var(--colorNeutralForeground2)",_o="var(--colorNeutralForeground2Hover)",jo="var(--colorNeutralForeground2Pressed)";var Nt="var(--colorNeutralForeground2BrandHover)",Pt="var(--colorNeutralForeground2BrandPressed)";var ce="var(--colorNeutralForeground3)";var Wo="var(--colorNeutralForegroundDisabled)";var ee="var(--colorNeutralForegroundOnBrand)",Vo="var(--colorNeutralForegroundInverted)";var Go="var(--colorNeutralForegroundStaticInverted)";var wt="var(--colorBrandForeground1)",Xo="var(--colorBrandForeground2)";var Uo="var(--colorNeutralForeground1Static)";var fe="var(--colorNeutralBackground1)",qo="var(--colorNeutralBackground1Hover)",Ko="var(--colorNeutralBackground1Pressed)";var Yo="var(--colorNeutralBackground4)";var Jo="var(--colorNeutralBackground5)";var Qo="var(--colorSubtleBackground)",Zo="var(--colorSubtleBackgroundHover)",en="var(--colorSubtleBackgroundPressed)";var we="var(--colorTransparentBackground)",Ft="var(--colorTransparentBackgroundHover)",Tt="var(--colorTransparentBackgroundPressed)";var rn="var(--colorNeutralBackgroundDisabled)";var Pr="var(--colorBrandBackground)",tn="var(--colorBrandBackgroundHover)",on="var(--colorBrandBackgroundPressed)";var nn="var(--colorBrandBackground2)";var an="var(--colorNeutralStrokeAccessible)";var sn="var(--colorNeutralStroke1)",ln="var(--colorNeutralStroke1Hover)",cn="var(--colorNeutralStroke1Pressed)";var wr="var(--colorNeutralStroke2)";var dn="var(--colorNeutralStrokeOnBrand2)";var un="var(--colorBrandStroke1)",Fr="var(--colorBrandStroke2)";var pn="var(--colorNeutralStrokeDisabled)";var Fe="var(--colorTransparentStroke)";var At="var(--colorStrokeFocus2)";var gn="var(--colorPaletteRedBackground1)";var hn="var(--colorPaletteRedBackground3)";var fn="var(--colorPaletteRedBorder1)";var mn="var(--colorPaletteRedForeground1)";var $t="var(--colorPaletteRedForeground3)";var vn="var(--colorPaletteGreenBackground1)";var bn="var(--colorPaletteGreenBackground3)";var xn="var(--colorPaletteGreenBorder2)",kn="var(--colorPaletteGreenForeground1)",Bn="var(--colorPaletteGreenForeground2)",Sn="var(--colorPaletteGreenForeground3)";var yn="var(--colorPaletteDarkOrangeBackground1)";var Nn="var(--colorPaletteDarkOrangeBackground3)";var Pn="var(--colorPaletteDarkOrangeBorder1)";var wn="var(--colorPaletteDarkOrangeForeground1)";var Ht="var(--colorPaletteDarkOrangeForeground3)",Fn="var(--colorPaletteYellowBackground1)";var Tn="var(--colorPaletteYellowBackground3)";var An="var(--colorPaletteYellowBorder1)";var Tr="var(--colorPaletteYellowForeground2)";var Ar="var(--borderRadiusNone)",$r="var(--borderRadiusSmall)",Hr="var(--borderRadiusMedium)",$n="var(--borderRadiusLarge)";var Cr="var(--borderRadiusCircular)",Lr="var(--fontFamilyBase)";var Hn="var(--fontSizeBase100)",Te="var(--fontSizeBase200)",Cn="var(--fontSizeBase300)",Ln="var(--fontSizeBase400)";var On="var(--fontWeightRegular)";var Or="var(--fontWeightSemibold)";var Dn="var(--lineHeightBase100)",Ae="var(--lineHeightBase200)",In="var(--lineHeightBase300)",En="var(--lineHeightBase400)";var zn="var(--shadow2)",Rn="var(--shadow4)";var Dr="var(--strokeWidthThin)",$e="var(--strokeWidthThick)",Ir="var(--strokeWidthThicker)",Mn="var(--strokeWidthThickest)";var He="var(--spacingHorizontalXXS)",qe="var(--spacingHorizontalXS)",Er="var(--spacingHorizontalSNudge)",_n="var(--spacingHorizontalS)";var jn="var(--spacingHorizontalM)",Wn="var(--spacingHorizontalL)";var Vn="var(--durationFaster)";var zr="var(--curveEasyEase)";var Ji=F`
  ${Ne("inline-flex")}

  :host {
    --icon-spacing: ${Er};
    position: relative;
    contain: layout style;
    vertical-align: middle;
    align-items: center;
    box-sizing: border-box;
    justify-content: center;
    text-align: center;
    text-decoration-line: none;
    margin: 0;
    min-height: 32px;
    outline-style: none;
    background-color: ${fe};
    color: ${Pe};
    border: ${Dr} solid ${sn};
    padding: 0 ${jn};
    min-width: 96px;
    border-radius: ${Hr};
    font-size: ${Cn};
    font-family: ${Lr};
    font-weight: ${Or};
    line-height: ${In};
    transition-duration: ${Vn};
    transition-property: background, border, color;
    transition-timing-function: ${zr};
    cursor: pointer;
    user-select: none;
  }

  .content {
    display: inherit;
  }

  :host(:hover) {
    background-color: ${qo};
    color: ${Ro};
    border-color: ${ln};
  }

  :host(:hover:active) {
    background-color: ${Ko};
    border-color: ${cn};
    color: ${Mo};
    outline-style: none;
  }

  :host(:focus-visible) {
    border-color: ${Fe};
    outline: ${$e} solid ${Fe};
    box-shadow: ${Rn}, 0 0 0 2px ${At};
  }

  @media screen and (prefers-reduced-motion: reduce) {
    :host {
      transition-duration: 0.01ms;
    }
  }

  ::slotted(svg) {
    font-size: 20px;
    height: 20px;
    width: 20px;
    fill: currentColor;
  }

  ::slotted([slot='start']) {
    margin-inline-end: var(--icon-spacing);
  }

  ::slotted([slot='end']),
  [slot='end'] {
    flex-shrink: 0;
    margin-inline-start: var(--icon-spacing);
  }

  :host([icon-only]) {
    min-width: 32px;
    max-width: 32px;
  }

  :host([size='small']) {
    --icon-spacing: ${qe};
    min-height: 24px;
    min-width: 64px;
    padding: 0 ${_n};
    border-radius: ${$r};
    font-size: ${Te};
    line-height: ${Ae};
    font-weight: ${On};
  }

  :host([size='small'][icon-only]) {
    min-width: 24px;
    max-width: 24px;
  }

  :host([size='large']) {
    min-height: 40px;
    border-radius: ${$n};
    padding: 0 ${Wn};
    font-size: ${Ln};
    line-height: ${En};
  }

  :host([size='large'][icon-only]) {
    min-width: 40px;
    max-width: 40px;
  }

  :host([size='large']) ::slotted(svg) {
    font-size: 24px;
    height: 24px;
    width: 24px;
  }

  :host(:is([shape='circular'], [shape='circular']:focus-visible)) {
    border-radius: ${Cr};
  }

  :host(:is([shape='square'], [shape='square']:focus-visible)) {
    border-radius: ${Ar};
  }

  :host([appearance='primary']) {
    background-color: ${Pr};
    color: ${ee};
    border-color: transparent;
  }

  :host([appearance='primary']:hover) {
    background-color: ${tn};
  }

  :host([appearance='primary']:is(:hover, :hover:active):not(:focus-visible)) {
    border-color: transparent;
  }

  :host([appearance='primary']:is(:hover, :hover:active)) {
    color: ${ee};
  }

  :host([appearance='primary']:hover:active) {
    background-color: ${on};
  }

  :host([appearance='primary']:focus-visible) {
    border-color: ${ee};
    box-shadow: ${zn}, 0 0 0 2px ${At};
  }

  :host([appearance='outline']) {
    background-color: ${we};
  }

  :host([appearance='outline']:hover) {
    background-color: ${Ft};
  }

  :host([appearance='outline']:hover:active) {
    background-color: ${Tt};
  }

  :host([appearance='subtle']) {
    background-color: ${Qo};
    color: ${yt};
    border-color: transparent;
  }

  :host([appearance='subtle']:hover) {
    background-color: ${Zo};
    color: ${_o};
    border-color: transparent;
  }

  :host([appearance='subtle']:hover:active) {
    background-color: ${en};
    color: ${jo};
    border-color: transparent;
  }

  :host([appearance='subtle']:hover) ::slotted(svg) {
    fill: ${Nt};
  }

  :host([appearance='subtle']:hover:active) ::slotted(svg) {
    fill: ${Pt};
  }

  :host([appearance='transparent']) {
    background-color: ${we};
    color: ${yt};
  }

  :host([appearance='transparent']:hover) {
    background-color: ${Ft};
    color: ${Nt};
  }

  :host([appearance='transparent']:hover:active) {
    background-color: ${Tt};
    color: ${Pt};
  }

  :host(:is([appearance='transparent'], [appearance='transparent']:is(:hover, :active))) {
    border-color: transparent;
  }
`,Gn=F`
  ${Ji}

  :host(:is(:disabled, [disabled], [disabled-focusable], [appearance]:disabled, [appearance][disabled], [appearance][disabled-focusable])),
  :host(:is(:disabled, [disabled], [disabled-focusable], [appearance]:disabled, [appearance][disabled], [appearance][disabled-focusable]):hover),
  :host(:is(:disabled, [disabled], [disabled-focusable], [appearance]:disabled, [appearance][disabled], [appearance][disabled-focusable]):hover:active) {
    background-color: ${rn};
    border-color: ${pn};
    color: ${Wo};
    cursor: not-allowed;
  }

  :host([appearance='primary']:is(:disabled, [disabled], [disabled-focusable])),
  :host([appearance='primary']:is(:disabled, [disabled], [disabled-focusable]):is(:hover, :hover:active)) {
    border-color: transparent;
  }

  :host([appearance='outline']:is(:disabled, [disabled], [disabled-focusable])),
  :host([appearance='outline']:is(:disabled, [disabled], [disabled-focusable]):is(:hover, :hover:active)) {
    background-color: ${we};
  }

  :host([appearance='subtle']:is(:disabled, [disabled], [disabled-focusable])),
  :host([appearance='subtle']:is(:disabled, [disabled], [disabled-focusable]):is(:hover, :hover:active)) {
    background-color: ${we};
    border-color: transparent;
  }

  :host([appearance='transparent']:is(:disabled, [disabled], [disabled-focusable])),
  :host([appearance='transparent']:is(:disabled, [disabled], [disabled-focusable]):is(:hover, :hover:active)) {
    border-color: transparent;
    background-color: ${we};
  }

  @media (forced-colors: active) {
    :host {
      background-color: ButtonFace;
      color: ButtonText;
    }

    :host(:is(:hover, :focus-visible)) {
      border-color: Highlight !important;
    }

    :host([appearance='primary']:not(:is(:hover, :focus-visible))) {
      background-color: Highlight;
      color: HighlightText;
      forced-color-adjust: none;
    }

    :host(
        :is(
            :disabled,
            [disabled],
            [disabled-focusable],
            [appearance]:disabled,
            [appearance][disabled],
            [appearance][disabled-focusable]
          )
      ) {
      background-color: ButtonFace;
      color: GrayText;
      border-color: ButtonText;
    }
  }
`;function Ke(r){return r?typeof r=="string"?new R(r):"inline"in r?r.inline():r:R.empty}var Ce=class{};function Rr(r){return M` <slot name="end" ${Nr("end")}>${Ke(r.end)}</slot> `.inline()}function Mr(r){return M` <slot name="start" ${Nr("start")}>${Ke(r.start)}</slot> `.inline()}function Qi(r={}){return M`
    <template
      @click="${(e,t)=>e.clickHandler(t.event)}"
      @keypress="${(e,t)=>e.keypressHandler(t.event)}"
    >
      ${Mr(r)}
      <span class="content" part="content">
        <slot ${St("defaultSlottedContent")}></slot>
      </span>
      ${Rr(r)}
    </template>
  `}var Xn=Qi();var Un={name:Kt,registry:I.registry,styles:Gn,template:Xn};function b(r,e,t,o){var n=arguments.length,a=n<3?e:o===null?o=Object.getOwnPropertyDescriptor(e,t):o,s;if(typeof Reflect=="object"&&typeof Reflect.decorate=="function")a=Reflect.decorate(r,e,t,o);else for(var c=r.length-1;c>=0;c--)(s=r[c])&&(a=(n<3?s(a):n>3?s(e,t,a):s(e,t))||a);return n>3&&a&&Object.defineProperty(e,t,a),a}function _r(r,...e){let t=ke.locate(r);e.forEach(o=>{Object.getOwnPropertyNames(o.prototype).forEach(a=>{a!=="constructor"&&Object.defineProperty(r.prototype,a,Object.getOwnPropertyDescriptor(o.prototype,a))}),ke.locate(o).forEach(a=>t.push(a))})}function qn(r){let e=r.ownerDocument;r?.isConnected&&r?.hasAttribute("autofocus")&&r?.checkVisibility?.({contentVisibilityAuto:!0,visibilityProperty:!0})&&[null,r,e.body,e.documentElement].includes(e.activeElement)&&K.enqueue(()=>{r.focus()})}var T=class extends ue{disabledChanged(){this.setTabIndex()}disabledFocusableChanged(e,t){this.elementInternals&&(this.elementInternals.ariaDisabled=`${!!t}`)}get form(){return this.elementInternals.form}static{this.formAssociated=!0}get labels(){return Object.freeze(Array.from(this.elementInternals.labels))}typeChanged(e,t){t!==ze.submit&&(this.formSubmissionFallbackControl?.remove(),this.shadowRoot?.querySelector('slot[name="internal"]')?.remove())}clickHandler(e){if(e&&this.disabledFocusable){e.stopImmediatePropagation();return}return this.press(),!0}connectedCallback(){super.connectedCallback(),this.elementInternals.ariaDisabled=`${!!this.disabledFocusable}`,this.setTabIndex(),qn(this)}constructor(){super(),this.disabledFocusable=!1,this.elementInternals=this.attachInternals(),this.elementInternals.role="button"}createAndInsertFormSubmissionFallbackControl(){let e=this.formSubmissionFallbackControlSlot??document.createElement("slot");e.setAttribute("name","internal"),this.shadowRoot?.appendChild(e),this.formSubmissionFallbackControlSlot=e;let t=this.formSubmissionFallbackControl??document.createElement("button");t.style.display="none",t.setAttribute("type","submit"),t.setAttribute("slot","internal"),this.formNoValidate&&t.toggleAttribute("formnovalidate",!0),this.elementInternals.form?.id&&t.setAttribute("form",this.elementInternals.form.id),this.name&&t.setAttribute("name",this.name),this.value&&t.setAttribute("value",this.value),this.formAction&&t.setAttribute("formaction",this.formAction??""),this.formEnctype&&t.setAttribute("formenctype",this.formEnctype??""),this.formMethod&&t.setAttribute("formmethod",this.formMethod??""),this.formTarget&&t.setAttribute("formtarget",this.formTarget??""),this.append(t),this.formSubmissionFallbackControl=t}formDisabledCallback(e){this.disabled=e}keypressHandler(e){if(e&&this.disabledFocusable){e.stopImmediatePropagation();return}if(e.key==="Enter"||e.key===" "){this.click();return}return!0}press(){switch(this.type){case ze.reset:{this.resetForm();break}case ze.submit:{this.submitForm();break}}}resetForm(){this.elementInternals.form?.reset()}setTabIndex(){if(this.disabled){this.removeAttribute("tabindex");return}this.tabIndex=Number(this.getAttribute("tabindex")??0)<0?-1:0}submitForm(){if(!(!this.elementInternals.form||this.disabled||this.type!==ze.submit)){if(!this.name&&!this.formAction&&!this.formEnctype&&!this.formAttribute&&!this.formMethod&&!this.formNoValidate&&!this.formTarget){this.elementInternals.form.requestSubmit();return}try{this.elementInternals.setFormValue(this.value??""),this.elementInternals.form.requestSubmit(this)}catch{this.createAndInsertFormSubmissionFallbackControl(),this.elementInternals.setFormValue(null),this.elementInternals.form.requestSubmit(this.formSubmissionFallbackControl)}}}};b([tt],T.prototype,"defaultSlottedContent",void 0);b([v({mode:"boolean"})],T.prototype,"disabled",void 0);b([v({attribute:"disabled-focusable",mode:"boolean"})],T.prototype,"disabledFocusable",void 0);b([v({attribute:"formaction"})],T.prototype,"formAction",void 0);b([v({attribute:"form"})],T.prototype,"formAttribute",void 0);b([v({attribute:"formenctype"})],T.prototype,"formEnctype",void 0);b([v({attribute:"formmethod"})],T.prototype,"formMethod",void 0);b([v({attribute:"formnovalidate",mode:"boolean"})],T.prototype,"formNoValidate",void 0);b([v({attribute:"formtarget"})],T.prototype,"formTarget",void 0);b([v],T.prototype,"name",void 0);b([v],T.prototype,"type",void 0);b([v],T.prototype,"value",void 0);var re=class extends T{constructor(){super(...arguments),this.iconOnly=!1}};b([v],re.prototype,"appearance",void 0);b([v],re.prototype,"shape",void 0);b([v],re.prototype,"size",void 0);b([v({attribute:"icon-only",mode:"boolean"})],re.prototype,"iconOnly",void 0);_r(re,Ce);re.define(Un);var Kn={filled:"filled",ghost:"ghost",outline:"outline",tint:"tint"},Yn={brand:"brand",danger:"danger",important:"important",informative:"informative",severe:"severe",subtle:"subtle",success:"success",warning:"warning"};var Jn=`${I.prefix}-badge`;var Qn=F.partial`
  ${Ne("inline-flex")} :host {
    position: relative;
    box-sizing: border-box;
    align-items: center;
    justify-content: center;
    font-family: ${Lr};
    font-weight: ${Or};
    font-size: ${Te};
    line-height: ${Ae};
    min-width: 20px;
    height: 20px;
    padding-inline: calc(${qe} + ${He});
    border-radius: ${Cr};
    border-color: ${Fe};
    background-color: ${Pr};
    color: ${ee};
    contain: content;
  }

  ::slotted(svg) {
    font-size: 12px;
  }

  :host(:not([appearance='ghost']))::after {
    position: absolute;
    content: '';
    top: 0;
    left: 0;
    bottom: 0;
    right: 0;
    border-style: solid;
    border-width: ${Dr};
    border-color: inherit;
    border-radius: inherit;
  }
`,Zn=F.partial`
  :host([size='tiny']) {
    width: 6px;
    height: 6px;
    font-size: 4px;
    line-height: 4px;
    padding-inline: 0;
    min-width: unset;
  }
  :host([size='tiny']) ::slotted(svg) {
    font-size: 6px;
  }
  :host([size='extra-small']) {
    width: 10px;
    height: 10px;
    font-size: 6px;
    line-height: 6px;
    padding-inline: 0;
    min-width: unset;
  }
  :host([size='extra-small']) ::slotted(svg) {
    font-size: 10px;
  }
  :host([size='small']) {
    min-width: 16px;
    height: 16px;
    font-size: ${Hn};
    line-height: ${Dn};
    padding-inline: calc(${He} + ${He});
  }
  :host([size='small']) ::slotted(svg) {
    font-size: 12px;
  }
  :host([size='large']) {
    min-width: 24px;
    height: 24px;
    font-size: ${Te};
    line-height: ${Ae};
    padding-inline: calc(${qe} + ${He});
  }
  :host([size='large']) ::slotted(svg) {
    font-size: 16px;
  }
  :host([size='extra-large']) {
    min-width: 32px;
    height: 32px;
    font-size: ${Te};
    line-height: ${Ae};
    padding-inline: calc(${Er} + ${He});
  }
  :host([size='extra-large']) ::slotted(svg) {
    font-size: 20px;
  }
`,ea=F.partial`
  :host([color='danger']) {
    background-color: ${hn};
    color: ${ee};
  }

  :host([color='important']) {
    background-color: ${Pe};
    color: ${fe};
  }

  :host([color='informative']) {
    background-color: ${Jo};
    color: ${ce};
  }

  :host([color='severe']) {
    background-color: ${Nn};
    color: ${ee};
  }

  :host([color='subtle']) {
    background-color: ${fe};
    color: ${Pe};
  }

  :host([color='success']) {
    background-color: ${bn};
    color: ${ee};
  }

  :host([color='warning']) {
    background-color: ${Tn};
    color: ${Uo};
  }
`,ra=F.partial`
  :host([appearance='ghost']) {
    color: ${wt};
    background-color: initial;
  }

  :host([appearance='ghost'][color='danger']) {
    color: ${$t};
  }

  :host([appearance='ghost'][color='important']) {
    color: ${Pe};
  }

  :host([appearance='ghost'][color='informative']) {
    color: ${ce};
  }

  :host([appearance='ghost'][color='severe']) {
    color: ${Ht};
  }

  :host([appearance='ghost'][color='subtle']) {
    color: ${Vo};
  }

  :host([appearance='ghost'][color='success']) {
    color: ${Sn};
  }

  :host([appearance='ghost'][color='warning']) {
    color: ${Tr};
  }
`,ta=F.partial`
  :host([appearance='outline']) {
    border-color: currentColor;
    color: ${wt};
    background-color: initial;
  }

  :host([appearance='outline'][color='danger']) {
    color: ${$t};
  }

  :host([appearance='outline'][color='important']) {
    color: ${ce};
    border-color: ${an};
  }

  :host([appearance='outline'][color='informative']) {
    color: ${ce};
    border-color: ${wr};
  }

  :host([appearance='outline'][color='severe']) {
    color: ${Ht};
  }

  :host([appearance='outline'][color='subtle']) {
    color: ${Go};
  }

  :host([appearance='outline'][color='success']) {
    color: ${Bn};
  }

  :host([appearance='outline'][color='warning']) {
    color: ${Tr};
  }
`,oa=F.partial`
  :host([appearance='tint']) {
    background-color: ${nn};
    color: ${Xo};
    border-color: ${Fr};
  }

  :host([appearance='tint'][color='danger']) {
    background-color: ${gn};
    color: ${mn};
    border-color: ${fn};
  }

  :host([appearance='tint'][color='important']) {
    background-color: ${ce};
    color: ${fe};
    border-color: ${Fe};
  }

  :host([appearance='tint'][color='informative']) {
    background-color: ${Yo};
    color: ${ce};
    border-color: ${wr};
  }

  :host([appearance='tint'][color='severe']) {
    background-color: ${yn};
    color: ${wn};
    border-color: ${Pn};
  }

  :host([appearance='tint'][color='subtle']) {
    background-color: ${fe};
    color: ${ce};
    border-color: ${wr};
  }

  :host([appearance='tint'][color='success']) {
    background-color: ${vn};
    color: ${kn};
    border-color: ${xn};
  }

  :host([appearance='tint'][color='warning']) {
    background-color: ${Fn};
    color: ${Tr};
    border-color: ${An};
  }
`;var na=F`
  :host([shape='square']) {
    border-radius: ${Ar};
  }

  :host([shape='rounded']) {
    border-radius: ${Hr};
  }

  :host([shape='rounded']:is([size='tiny'], [size='extra-small'], [size='small'])) {
    border-radius: ${$r};
  }

  ${oa}
  ${ta}
  ${ra}
  ${ea}
  ${Zn}
  ${Qn}

  @media (forced-colors: active) {
    :host,
    :host([appearance='outline']),
    :host([appearance='tint']) {
      border-color: CanvasText;
    }
  }
`;function Zi(r={}){return M`
    ${Mr(r)}
    <slot>${Ke(r.defaultContent)}</slot>
    ${Rr(r)}
  `}var aa=Zi();var ia={name:Jn,registry:I.registry,styles:na,template:aa};var te=class extends ue{constructor(){super(...arguments),this.appearance=Kn.filled,this.color=Yn.brand}};b([v],te.prototype,"appearance",void 0);b([v],te.prototype,"color",void 0);b([v],te.prototype,"shape",void 0);b([v],te.prototype,"size",void 0);_r(te,Ce);te.define(ia);var sa=`${I.prefix}-spinner`;var la=F`
  ${Ne("inline-flex")}

  :host {
    --duration: 1.5s;
    --indicatorSize: ${Ir};
    --size: 32px;
    height: var(--size);
    width: var(--size);
    contain: strict;
    content-visibility: auto;
  }

  :host([size='tiny']) {
    --indicatorSize: ${$e};
    --size: 20px;
  }
  :host([size='extra-small']) {
    --indicatorSize: ${$e};
    --size: 24px;
  }
  :host([size='small']) {
    --indicatorSize: ${$e};
    --size: 28px;
  }
  :host([size='large']) {
    --indicatorSize: ${Ir};
    --size: 36px;
  }
  :host([size='extra-large']) {
    --indicatorSize: ${Ir};
    --size: 40px;
  }
  :host([size='huge']) {
    --indicatorSize: ${Mn};
    --size: 44px;
  }

  .progress,
  .background,
  .spinner,
  .start,
  .end,
  .indicator {
    position: absolute;
    inset: 0;
  }

  .progress,
  .spinner,
  .indicator {
    animation: none var(--duration) infinite ${zr};
  }

  .progress {
    animation-timing-function: linear;
    animation-name: spin-linear;
  }

  .background {
    border: var(--indicatorSize) solid ${Fr};
    border-radius: 50%;
  }

  :host([appearance='inverted']) .background {
    border-color: rgba(255, 255, 255, 0.2);
  }

  .spinner {
    animation-name: spin-swing;
  }

  .start {
    overflow: hidden;
    right: 50%;
  }

  .end {
    overflow: hidden;
    left: 50%;
  }

  .indicator {
    color: ${un};
    box-sizing: border-box;
    border-radius: 50%;
    border: var(--indicatorSize) solid transparent;
    border-block-start-color: currentcolor;
    border-right-color: currentcolor;
  }

  :host([appearance='inverted']) .indicator {
    color: ${dn};
  }

  .start .indicator {
    rotate: 135deg; /* Starts 9 o'clock */
    inset: 0 -100% 0 0;
    animation-name: spin-start;
  }

  .end .indicator {
    rotate: 135deg; /* Ends at 3 o'clock */
    inset: 0 0 0 -100%;
    animation-name: spin-end;
  }

  @keyframes spin-linear {
    100% {
      transform: rotate(360deg);
    }
  }

  @keyframes spin-swing {
    0% {
      transform: rotate(-135deg);
    }
    50% {
      transform: rotate(0deg);
    }
    100% {
      transform: rotate(225deg);
    }
  }

  @keyframes spin-start {
    0%,
    100% {
      transform: rotate(0deg);
    }
    50% {
      transform: rotate(-80deg);
    }
  }

  @keyframes spin-end {
    0%,
    100% {
      transform: rotate(0deg);
    }
    50% {
      transform: rotate(70deg);
    }
  }

  @media (forced-colors: active) {
    .background {
      display: none;
    }
    .indicator {
      border-color: Canvas;
      border-block-start-color: Highlight;
      border-right-color: Highlight;
    }
  }
`;var ca=M`
  <slot name="indicator">
    <div class="background"></div>
    <div class="progress">
      <div class="spinner">
        <div class="start">
          <div class="indicator"></div>
        </div>
        <div class="end">
          <div class="indicator"></div>
        </div>
      </div>
    </div>
  </slot>
`;var da={name:sa,registry:I.registry,styles:la,template:ca};var jr=class extends ue{constructor(){super(),this.elementInternals=this.attachInternals(),this.elementInternals.role="progressbar"}};var Le=class extends jr{};b([v],Le.prototype,"size",void 0);b([v],Le.prototype,"appearance",void 0);Le.define(da);var es=0;function Ct(r="id-"){let e=`${r}${es++}`;return document.getElementById(e)?Ct(r):e}var rs="adoptedStyleSheets"in document,ts="CSSScopeRule"in window,Lt=new Map,Ot=new Map,Je=new Map,Dt=new Map,Ye=new CSSStyleSheet;function pa(r,e=document){if(!(!e||!ss(e))){if(!rs||e instanceof HTMLElement&&!e.shadowRoot&&!ts){let t=e===document?document.documentElement:e;ps(r,t);return}[document,document.documentElement,document.body].includes(e)?ls(r):cs(r,e)}}var os=/^[a-zA-Z_-][a-zA-Z0-9_-]*$/;function ns(r){return os.test(r)?r:""}var as=/(;|{|}|\/\*|\*\/|@import|url\s*\(|expression\s*\(|javascript:)/i;function is(r){return as.test(r)?"":r}function It(r){return Lt.has(r)||Lt.set(r,Object.keys(r).reduce((e,t)=>{let o=ns(t),n=is(r[t].toString());return o&&n?`${e}--${o}:${n};`:e},"")),Lt.get(r)}function ss(r){return[document,document.documentElement].includes(r)||r instanceof HTMLElement&&!!r.closest("body")}function ls(r){if(r===null){document.adoptedStyleSheets.includes(Ye)&&Ye.replaceSync("");return}Ye.replaceSync(`
    html {
      ${It(r)}
    }
  `),document.adoptedStyleSheets.includes(Ye)||document.adoptedStyleSheets.push(Ye)}function cs(r,e){if(r===null){e.shadowRoot&&Je.has(e)?Je.get(e).replaceSync(""):(delete e.dataset.fluentTheme,ua(e));return}e.shadowRoot?ds(e).replaceSync(`
      :host {
        ${It(r)}
      }
    `):(e.dataset.fluentTheme=us(r),ua(e))}function ds(r){if(!Je.has(r)){let e=new CSSStyleSheet;Je.set(r,e),r.shadowRoot?.adoptedStyleSheets.push(e)}return Je.get(r)}function us(r){if(!Ot.has(r)){let e=Ct("fluent-theme-"),t=new CSSStyleSheet;Ot.set(r,e),t.replaceSync(`
      @scope ([data-fluent-theme="${e}"]) {
        :scope {
          ${It(r)}
        }
      }
    `),document.adoptedStyleSheets.push(t)}return Ot.get(r)}function ps(r,e){let t;if(r===null){if(!Dt.has(e))return;t=Dt.get(e)}else Dt.set(e,r),t=r;for(let[o,n]of Object.entries(t))r===null?e.style.removeProperty(`--${o}`):e.style.setProperty(`--${o}`,n.toString())}var{userAgent:gs}=navigator,hs=/\bAppleWebKit\/[\d+\.]+\b/.test(gs);function ua(r){if(!hs)return;let e="visibility",t="hidden",o=r.style.getPropertyValue(e);r.style.setProperty(e,t),K.process(),r.style.setProperty(e,o)}var i={2:"#050505",4:"#0a0a0a",6:"#0f0f0f",8:"#141414",10:"#1a1a1a",12:"#1f1f1f",14:"#242424",16:"#292929",18:"#2e2e2e",20:"#333333",22:"#383838",24:"#3d3d3d",26:"#424242",28:"#474747",30:"#4d4d4d",32:"#525252",34:"#575757",36:"#5c5c5c",38:"#616161",40:"#666666",42:"#6b6b6b",44:"#707070",46:"#757575",48:"#7a7a7a",50:"#808080",52:"#858585",54:"#8a8a8a",56:"#8f8f8f",58:"#949494",60:"#999999",62:"#9e9e9e",64:"#a3a3a3",66:"#a8a8a8",68:"#adadad",70:"#b3b3b3",72:"#b8b8b8",74:"#bdbdbd",76:"#c2c2c2",78:"#c7c7c7",80:"#cccccc",82:"#d1d1d1",84:"#d6d6d6",86:"#dbdbdb",88:"#e0e0e0",90:"#e6e6e6",92:"#ebebeb",94:"#f0f0f0",96:"#f5f5f5",98:"#fafafa",99:"#fcfcfc"},P={5:"rgba(255, 255, 255, 0.05)",10:"rgba(255, 255, 255, 0.1)",20:"rgba(255, 255, 255, 0.2)",30:"rgba(255, 255, 255, 0.3)",40:"rgba(255, 255, 255, 0.4)",50:"rgba(255, 255, 255, 0.5)",60:"rgba(255, 255, 255, 0.6)",70:"rgba(255, 255, 255, 0.7)",80:"rgba(255, 255, 255, 0.8)",90:"rgba(255, 255, 255, 0.9)"},D={5:"rgba(0, 0, 0, 0.05)",10:"rgba(0, 0, 0, 0.1)",20:"rgba(0, 0, 0, 0.2)",30:"rgba(0, 0, 0, 0.3)",40:"rgba(0, 0, 0, 0.4)",50:"rgba(0, 0, 0, 0.5)",60:"rgba(0, 0, 0, 0.6)",70:"rgba(0, 0, 0, 0.7)",80:"rgba(0, 0, 0, 0.8)",90:"rgba(0, 0, 0, 0.9)"},ga={5:"rgba(26, 26, 26, 0.05)",10:"rgba(26, 26, 26, 0.1)",20:"rgba(26, 26, 26, 0.2)",30:"rgba(26, 26, 26, 0.3)",40:"rgba(26, 26, 26, 0.4)",50:"rgba(26, 26, 26, 0.5)",60:"rgba(26, 26, 26, 0.6)",70:"rgba(26, 26, 26, 0.7)",80:"rgba(26, 26, 26, 0.8)",90:"rgba(26, 26, 26, 0.9)"},ha={5:"rgba(31, 31, 31, 0.05)",10:"rgba(31, 31, 31, 0.1)",20:"rgba(31, 31, 31, 0.2)",30:"rgba(31, 31, 31, 0.3)",40:"rgba(31, 31, 31, 0.4)",50:"rgba(31, 31, 31, 0.5)",60:"rgba(31, 31, 31, 0.6)",70:"rgba(31, 31, 31, 0.7)",80:"rgba(31, 31, 31, 0.8)",90:"rgba(31, 31, 31, 0.9)"},Et={5:"rgba(36, 36, 36, 0.05)",10:"rgba(36, 36, 36, 0.1)",20:"rgba(36, 36, 36, 0.2)",30:"rgba(36, 36, 36, 0.3)",40:"rgba(36, 36, 36, 0.4)",50:"rgba(36, 36, 36, 0.5)",60:"rgba(36, 36, 36, 0.6)",70:"rgba(36, 36, 36, 0.7)",80:"rgba(36, 36, 36, 0.8)",90:"rgba(36, 36, 36, 0.9)"},g="#ffffff",Oe="#000000";var fa={shade50:"#130204",shade40:"#230308",shade30:"#420610",shade20:"#590815",shade10:"#690a19",primary:"#750b1c",tint10:"#861b2c",tint20:"#962f3f",tint30:"#ac4f5e",tint40:"#d69ca5",tint50:"#e9c7cd",tint60:"#f9f0f2"};var zt={shade50:"#200205",shade40:"#3b0509",shade30:"#6e0811",shade20:"#960b18",shade10:"#b10e1c",primary:"#c50f1f",tint10:"#cc2635",tint20:"#d33f4c",tint30:"#dc626d",tint40:"#eeacb2",tint50:"#f6d1d5",tint60:"#fdf3f4"},ma={shade50:"#210809",shade40:"#3f1011",shade30:"#751d1f",shade20:"#9f282b",shade10:"#bc2f32",primary:"#d13438",tint10:"#d7494c",tint20:"#dc5e62",tint30:"#e37d80",tint40:"#f1bbbc",tint50:"#f8dadb",tint60:"#fdf6f6"},va={shade50:"#230900",shade40:"#411200",shade30:"#7a2101",shade20:"#a62d01",shade10:"#c43501",primary:"#da3b01",tint10:"#de501c",tint20:"#e36537",tint30:"#e9835e",tint40:"#f4bfab",tint50:"#f9dcd1",tint60:"#fdf6f3"};var ba={shade50:"#200d03",shade40:"#3d1805",shade30:"#712d09",shade20:"#9a3d0c",shade10:"#b6480e",primary:"#ca5010",tint10:"#d06228",tint20:"#d77440",tint30:"#df8e64",tint40:"#efc4ad",tint50:"#f7dfd2",tint60:"#fdf7f4"},xa={shade50:"#271002",shade40:"#4a1e04",shade30:"#8a3707",shade20:"#bc4b09",shade10:"#de590b",primary:"#f7630c",tint10:"#f87528",tint20:"#f98845",tint30:"#faa06b",tint40:"#fdcfb4",tint50:"#fee5d7",tint60:"#fff9f5"},ka={shade50:"#291600",shade40:"#4d2a00",shade30:"#8f4e00",shade20:"#c26a00",shade10:"#e67e00",primary:"#ff8c00",tint10:"#ff9a1f",tint20:"#ffa83d",tint30:"#ffba66",tint40:"#ffddb3",tint50:"#ffedd6",tint60:"#fffaf5"},Ba={shade50:"#251a00",shade40:"#463100",shade30:"#835b00",shade20:"#b27c00",shade10:"#d39300",primary:"#eaa300",tint10:"#edad1c",tint20:"#efb839",tint30:"#f2c661",tint40:"#f9e2ae",tint50:"#fcefd3",tint60:"#fefbf4"},Sa={shade50:"#282400",shade40:"#4c4400",shade30:"#817400",shade20:"#c0ad00",shade10:"#e4cc00",primary:"#fde300",tint10:"#fde61e",tint20:"#fdea3d",tint30:"#feee66",tint40:"#fef7b2",tint50:"#fffad6",tint60:"#fffef5"},ya={shade50:"#1f1900",shade40:"#3a2f00",shade30:"#6c5700",shade20:"#937700",shade10:"#ae8c00",primary:"#c19c00",tint10:"#c8a718",tint20:"#d0b232",tint30:"#dac157",tint40:"#ecdfa5",tint50:"#f5eece",tint60:"#fdfbf2"},Na={shade50:"#181202",shade40:"#2e2103",shade30:"#553e06",shade20:"#745408",shade10:"#89640a",primary:"#986f0b",tint10:"#a47d1e",tint20:"#b18c34",tint30:"#c1a256",tint40:"#e0cea2",tint50:"#efe4cb",tint60:"#fbf8f2"},Pa={shade50:"#170e07",shade40:"#2b1a0e",shade30:"#50301a",shade20:"#6c4123",shade10:"#804d29",primary:"#8e562e",tint10:"#9c663f",tint20:"#a97652",tint30:"#bb8f6f",tint40:"#ddc3b0",tint50:"#edded3",tint60:"#faf7f4"};var wa={shade50:"#0c1501",shade40:"#162702",shade30:"#294903",shade20:"#376304",shade10:"#427505",primary:"#498205",tint10:"#599116",tint20:"#6ba02b",tint30:"#85b44c",tint40:"#bdd99b",tint50:"#dbebc7",tint60:"#f6faf0"},Fa={shade50:"#002111",shade40:"#003d20",shade30:"#00723b",shade20:"#009b51",shade10:"#00b85f",primary:"#00cc6a",tint10:"#19d279",tint20:"#34d889",tint30:"#5ae0a0",tint40:"#a8f0cd",tint50:"#cff7e4",tint60:"#f3fdf8"},Ta={shade50:"#031a02",shade40:"#063004",shade30:"#0b5a08",shade20:"#0e7a0b",shade10:"#11910d",primary:"#13a10e",tint10:"#27ac22",tint20:"#3db838",tint30:"#5ec75a",tint40:"#a7e3a5",tint50:"#cef0cd",tint60:"#f2fbf2"},Rt={shade50:"#031403",shade40:"#052505",shade30:"#094509",shade20:"#0c5e0c",shade10:"#0e700e",primary:"#107c10",tint10:"#218c21",tint20:"#359b35",tint30:"#54b054",tint40:"#9fd89f",tint50:"#c9eac9",tint60:"#f1faf1"},Aa={shade50:"#021102",shade40:"#032003",shade30:"#063b06",shade20:"#085108",shade10:"#0a5f0a",primary:"#0b6a0b",tint10:"#1a7c1a",tint20:"#2d8e2d",tint30:"#4da64d",tint40:"#9ad29a",tint50:"#c6e7c6",tint60:"#f0f9f0"},$a={shade50:"#001d1f",shade40:"#00373a",shade30:"#00666d",shade20:"#008b94",shade10:"#00a5af",primary:"#00b7c3",tint10:"#18bfca",tint20:"#32c8d1",tint30:"#58d3db",tint40:"#a6e9ed",tint50:"#cef3f5",tint60:"#f2fcfd"},Ha={shade50:"#001516",shade40:"#012728",shade30:"#02494c",shade20:"#026467",shade10:"#037679",primary:"#038387",tint10:"#159195",tint20:"#2aa0a4",tint30:"#4cb4b7",tint40:"#9bd9db",tint50:"#c7ebec",tint60:"#f0fafa"};var Ca={shade50:"#000f12",shade40:"#001b22",shade30:"#00333f",shade20:"#004555",shade10:"#005265",primary:"#005b70",tint10:"#0f6c81",tint20:"#237d92",tint30:"#4496a9",tint40:"#94c8d4",tint50:"#c3e1e8",tint60:"#eff7f9"};var La={shade50:"#001322",shade40:"#002440",shade30:"#004377",shade20:"#005ba1",shade10:"#006cbf",primary:"#0078d4",tint10:"#1a86d9",tint20:"#3595de",tint30:"#5caae5",tint40:"#a9d3f2",tint50:"#d0e7f8",tint60:"#f3f9fd"},Oa={shade50:"#000c16",shade40:"#00172a",shade30:"#002c4e",shade20:"#003b6a",shade10:"#00467e",primary:"#004e8c",tint10:"#125e9a",tint20:"#286fa8",tint30:"#4a89ba",tint40:"#9abfdc",tint50:"#c7dced",tint60:"#f0f6fa"};var Da={shade50:"#0d1126",shade40:"#182047",shade30:"#2c3c85",shade20:"#3c51b4",shade10:"#4760d5",primary:"#4f6bed",tint10:"#637cef",tint20:"#778df1",tint30:"#93a4f4",tint40:"#c8d1fa",tint50:"#e1e6fc",tint60:"#f7f9fe"},Ia={shade50:"#00061d",shade40:"#000c36",shade30:"#001665",shade20:"#001e89",shade10:"#0023a2",primary:"#0027b4",tint10:"#173bbd",tint20:"#3050c6",tint30:"#546fd2",tint40:"#a3b2e8",tint50:"#ccd5f3",tint60:"#f2f4fc"},Ea={shade50:"#120f25",shade40:"#221d46",shade30:"#3f3682",shade20:"#5649b0",shade10:"#6656d1",primary:"#7160e8",tint10:"#8172eb",tint20:"#9184ee",tint30:"#a79cf1",tint40:"#d2ccf8",tint50:"#e7e4fb",tint60:"#f9f8fe"},za={shade50:"#0f0717",shade40:"#1c0e2b",shade30:"#341a51",shade20:"#46236e",shade10:"#532982",primary:"#5c2e91",tint10:"#6b3f9e",tint20:"#7c52ab",tint30:"#9470bd",tint40:"#c6b1de",tint50:"#e0d3ed",tint60:"#f7f4fb"};var Ra={shade50:"#160418",shade40:"#29072e",shade30:"#4c0d55",shade20:"#671174",shade10:"#7a1589",primary:"#881798",tint10:"#952aa4",tint20:"#a33fb1",tint30:"#b55fc1",tint40:"#d9a7e0",tint50:"#eaceef",tint60:"#faf2fb"},Ma={shade50:"#1f091d",shade40:"#3a1136",shade30:"#6d2064",shade20:"#932b88",shade10:"#af33a1",primary:"#c239b3",tint10:"#c94cbc",tint20:"#d161c4",tint30:"#da7ed0",tint40:"#edbbe7",tint50:"#f5daf2",tint60:"#fdf5fc"},_a={shade50:"#1c0b1f",shade40:"#35153a",shade30:"#63276d",shade20:"#863593",shade10:"#9f3faf",primary:"#b146c2",tint10:"#ba58c9",tint20:"#c36bd1",tint30:"#cf87da",tint40:"#e6bfed",tint50:"#f2dcf5",tint60:"#fcf6fd"},ja={shade50:"#24091b",shade40:"#441232",shade30:"#80215d",shade20:"#ad2d7e",shade10:"#cd3595",primary:"#e43ba6",tint10:"#e750b0",tint20:"#ea66ba",tint30:"#ef85c8",tint40:"#f7c0e3",tint50:"#fbddf0",tint60:"#fef6fb"};var Wa={shade50:"#1f0013",shade40:"#390024",shade30:"#6b0043",shade20:"#91005a",shade10:"#ac006b",primary:"#bf0077",tint10:"#c71885",tint20:"#ce3293",tint30:"#d957a8",tint40:"#eca5d1",tint50:"#f5cee6",tint60:"#fcf2f9"},Va={shade50:"#13000c",shade40:"#240017",shade30:"#43002b",shade20:"#5a003b",shade10:"#6b0045",primary:"#77004d",tint10:"#87105d",tint20:"#98246f",tint30:"#ad4589",tint40:"#d696c0",tint50:"#e9c4dc",tint60:"#faf0f6"},Ga={shade50:"#141313",shade40:"#252323",shade30:"#444241",shade20:"#5d5958",shade10:"#6e6968",primary:"#7a7574",tint10:"#8a8584",tint20:"#9a9594",tint30:"#afabaa",tint40:"#d7d4d4",tint50:"#eae8e8",tint60:"#faf9f9"},Xa={shade50:"#0f0e0e",shade40:"#1c1b1a",shade30:"#343231",shade20:"#474443",shade10:"#54514f",primary:"#5d5a58",tint10:"#706d6b",tint20:"#84817e",tint30:"#9e9b99",tint40:"#cecccb",tint50:"#e5e4e3",tint60:"#f8f8f8"};var Ua={shade50:"#111314",shade40:"#1f2426",shade30:"#3b4447",shade20:"#505c60",shade10:"#5f6d71",primary:"#69797e",tint10:"#79898d",tint20:"#89989d",tint30:"#a0adb2",tint40:"#cdd6d8",tint50:"#e4e9ea",tint60:"#f8f9fa"},qa={shade50:"#090a0b",shade40:"#111315",shade30:"#202427",shade20:"#2b3135",shade10:"#333a3f",primary:"#394146",tint10:"#4d565c",tint20:"#626c72",tint30:"#808a90",tint40:"#bcc3c7",tint50:"#dbdfe1",tint60:"#f6f7f8"};var f={red:ma,green:Rt,darkOrange:va,yellow:Sa,berry:Ma,lightGreen:Ta,marigold:Ba},U={darkRed:fa,cranberry:zt,pumpkin:ba,peach:ka,gold:ya,brass:Na,brown:Pa,forest:wa,seafoam:Fa,darkGreen:Aa,lightTeal:$a,teal:Ha,steel:Ca,blue:La,royalBlue:Oa,cornflower:Da,navy:Ia,lavender:Ea,purple:za,grape:Ra,lilac:_a,pink:ja,magenta:Wa,plum:Va,beige:Ga,mink:Xa,platinum:Ua,anchor:qa},h={cranberry:zt,green:Rt,orange:xa};var Wr=["red","green","darkOrange","yellow","berry","lightGreen","marigold"],Vr=["darkRed","cranberry","pumpkin","peach","gold","brass","brown","forest","seafoam","darkGreen","lightTeal","teal","steel","blue","royalBlue","cornflower","navy","lavender","purple","grape","lilac","pink","magenta","plum","beige","mink","platinum","anchor"];var A={success:"green",warning:"orange",danger:"cranberry"};var Qe=Wr.reduce((r,e)=>{let t=e.slice(0,1).toUpperCase()+e.slice(1),o={[`colorPalette${t}Background1`]:f[e].tint60,[`colorPalette${t}Background2`]:f[e].tint40,[`colorPalette${t}Background3`]:f[e].primary,[`colorPalette${t}Foreground1`]:f[e].shade10,[`colorPalette${t}Foreground2`]:f[e].shade30,[`colorPalette${t}Foreground3`]:f[e].primary,[`colorPalette${t}BorderActive`]:f[e].primary,[`colorPalette${t}Border1`]:f[e].tint40,[`colorPalette${t}Border2`]:f[e].primary};return Object.assign(r,o)},{});Qe.colorPaletteYellowForeground1=f.yellow.shade30;Qe.colorPaletteRedForegroundInverted=f.red.tint20;Qe.colorPaletteGreenForegroundInverted=f.green.tint20;Qe.colorPaletteYellowForegroundInverted=f.yellow.tint40;var fs=Vr.reduce((r,e)=>{let t=e.slice(0,1).toUpperCase()+e.slice(1),o={[`colorPalette${t}Background2`]:U[e].tint40,[`colorPalette${t}Foreground2`]:U[e].shade30,[`colorPalette${t}BorderActive`]:U[e].primary};return Object.assign(r,o)},{}),Ka={...Qe,...fs},me=Object.entries(A).reduce((r,[e,t])=>{let o=e.slice(0,1).toUpperCase()+e.slice(1),n={[`colorStatus${o}Background1`]:h[t].tint60,[`colorStatus${o}Background2`]:h[t].tint40,[`colorStatus${o}Background3`]:h[t].primary,[`colorStatus${o}Foreground1`]:h[t].shade10,[`colorStatus${o}Foreground2`]:h[t].shade30,[`colorStatus${o}Foreground3`]:h[t].primary,[`colorStatus${o}ForegroundInverted`]:h[t].tint30,[`colorStatus${o}BorderActive`]:h[t].primary,[`colorStatus${o}Border1`]:h[t].tint40,[`colorStatus${o}Border2`]:h[t].primary};return Object.assign(r,n)},{});me.colorStatusDangerBackground3Hover=h[A.danger].shade10;me.colorStatusDangerBackground3Pressed=h[A.danger].shade20;me.colorStatusWarningForeground1=h[A.warning].shade20;me.colorStatusWarningForeground3=h[A.warning].shade20;me.colorStatusWarningBorder2=h[A.warning].shade20;var Ya=r=>({colorNeutralForeground1:i[14],colorNeutralForeground1Hover:i[14],colorNeutralForeground1Pressed:i[14],colorNeutralForeground1Selected:i[14],colorNeutralForeground2:i[26],colorNeutralForeground2Hover:i[14],colorNeutralForeground2Pressed:i[14],colorNeutralForeground2Selected:i[14],colorNeutralForeground2BrandHover:r[80],colorNeutralForeground2BrandPressed:r[70],colorNeutralForeground2BrandSelected:r[80],colorNeutralForeground3:i[38],colorNeutralForeground3Hover:i[26],colorNeutralForeground3Pressed:i[26],colorNeutralForeground3Selected:i[26],colorNeutralForeground3BrandHover:r[80],colorNeutralForeground3BrandPressed:r[70],colorNeutralForeground3BrandSelected:r[80],colorNeutralForeground4:i[44],colorNeutralForeground5:i[38],colorNeutralForeground5Hover:i[14],colorNeutralForeground5Pressed:i[14],colorNeutralForeground5Selected:i[14],colorNeutralForegroundDisabled:i[74],colorNeutralForegroundInvertedDisabled:P[40],colorBrandForegroundLink:r[70],colorBrandForegroundLinkHover:r[60],colorBrandForegroundLinkPressed:r[40],colorBrandForegroundLinkSelected:r[70],colorNeutralForeground2Link:i[26],colorNeutralForeground2LinkHover:i[14],colorNeutralForeground2LinkPressed:i[14],colorNeutralForeground2LinkSelected:i[14],colorCompoundBrandForeground1:r[80],colorCompoundBrandForeground1Hover:r[70],colorCompoundBrandForeground1Pressed:r[60],colorBrandForeground1:r[80],colorBrandForeground2:r[70],colorBrandForeground2Hover:r[60],colorBrandForeground2Pressed:r[30],colorNeutralForeground1Static:i[14],colorNeutralForegroundStaticInverted:g,colorNeutralForegroundInverted:g,colorNeutralForegroundInvertedHover:g,colorNeutralForegroundInvertedPressed:g,colorNeutralForegroundInvertedSelected:g,colorNeutralForegroundInverted2:g,colorNeutralForegroundOnBrand:g,colorNeutralForegroundInvertedLink:g,colorNeutralForegroundInvertedLinkHover:g,colorNeutralForegroundInvertedLinkPressed:g,colorNeutralForegroundInvertedLinkSelected:g,colorBrandForegroundInverted:r[100],colorBrandForegroundInvertedHover:r[110],colorBrandForegroundInvertedPressed:r[100],colorBrandForegroundOnLight:r[80],colorBrandForegroundOnLightHover:r[70],colorBrandForegroundOnLightPressed:r[50],colorBrandForegroundOnLightSelected:r[60],colorNeutralBackground1:g,colorNeutralBackground1Hover:i[96],colorNeutralBackground1Pressed:i[88],colorNeutralBackground1Selected:i[92],colorNeutralBackground2:i[98],colorNeutralBackground2Hover:i[94],colorNeutralBackground2Pressed:i[86],colorNeutralBackground2Selected:i[90],colorNeutralBackground3:i[96],colorNeutralBackground3Hover:i[92],colorNeutralBackground3Pressed:i[84],colorNeutralBackground3Selected:i[88],colorNeutralBackground4:i[94],colorNeutralBackground4Hover:i[98],colorNeutralBackground4Pressed:i[96],colorNeutralBackground4Selected:g,colorNeutralBackground5:i[92],colorNeutralBackground5Hover:i[96],colorNeutralBackground5Pressed:i[94],colorNeutralBackground5Selected:i[98],colorNeutralBackground6:i[90],colorNeutralBackground7:"#00000000",colorNeutralBackground7Hover:i[92],colorNeutralBackground7Pressed:i[84],colorNeutralBackground7Selected:"#00000000",colorNeutralBackground8:i[99],colorNeutralBackgroundInverted:i[16],colorNeutralBackgroundInvertedHover:i[24],colorNeutralBackgroundInvertedPressed:i[12],colorNeutralBackgroundInvertedSelected:i[22],colorNeutralBackgroundStatic:i[20],colorNeutralBackgroundAlpha:P[50],colorNeutralBackgroundAlpha2:P[80],colorSubtleBackground:"transparent",colorSubtleBackgroundHover:i[96],colorSubtleBackgroundPressed:i[88],colorSubtleBackgroundSelected:i[92],colorSubtleBackgroundLightAlphaHover:P[70],colorSubtleBackgroundLightAlphaPressed:P[50],colorSubtleBackgroundLightAlphaSelected:"transparent",colorSubtleBackgroundInverted:"transparent",colorSubtleBackgroundInvertedHover:D[10],colorSubtleBackgroundInvertedPressed:D[30],colorSubtleBackgroundInvertedSelected:D[20],colorTransparentBackground:"transparent",colorTransparentBackgroundHover:"transparent",colorTransparentBackgroundPressed:"transparent",colorTransparentBackgroundSelected:"transparent",colorNeutralBackgroundDisabled:i[94],colorNeutralBackgroundDisabled2:g,colorNeutralBackgroundInvertedDisabled:P[10],colorNeutralStencil1:i[90],colorNeutralStencil2:i[98],colorNeutralStencil1Alpha:D[10],colorNeutralStencil2Alpha:D[5],colorBackgroundOverlay:D[40],colorScrollbarOverlay:D[50],colorBrandBackground:r[80],colorBrandBackgroundHover:r[70],colorBrandBackgroundPressed:r[40],colorBrandBackgroundSelected:r[60],colorCompoundBrandBackground:r[80],colorCompoundBrandBackgroundHover:r[70],colorCompoundBrandBackgroundPressed:r[60],colorBrandBackgroundStatic:r[80],colorBrandBackground2:r[160],colorBrandBackground2Hover:r[150],colorBrandBackground2Pressed:r[130],colorBrandBackground3Static:r[60],colorBrandBackground4Static:r[40],colorBrandBackgroundInverted:g,colorBrandBackgroundInvertedHover:r[160],colorBrandBackgroundInvertedPressed:r[140],colorBrandBackgroundInvertedSelected:r[150],colorNeutralCardBackground:i[98],colorNeutralCardBackgroundHover:g,colorNeutralCardBackgroundPressed:i[96],colorNeutralCardBackgroundSelected:i[92],colorNeutralCardBackgroundDisabled:i[94],colorNeutralStrokeAccessible:i[38],colorNeutralStrokeAccessibleHover:i[34],colorNeutralStrokeAccessiblePressed:i[30],colorNeutralStrokeAccessibleSelected:r[80],colorNeutralStroke1:i[82],colorNeutralStroke1Hover:i[78],colorNeutralStroke1Pressed:i[70],colorNeutralStroke1Selected:i[74],colorNeutralStroke2:i[88],colorNeutralStroke3:i[94],colorNeutralStroke4:i[92],colorNeutralStroke4Hover:i[88],colorNeutralStroke4Pressed:i[84],colorNeutralStroke4Selected:i[92],colorNeutralStrokeSubtle:i[88],colorNeutralStrokeOnBrand:g,colorNeutralStrokeOnBrand2:g,colorNeutralStrokeOnBrand2Hover:g,colorNeutralStrokeOnBrand2Pressed:g,colorNeutralStrokeOnBrand2Selected:g,colorBrandStroke1:r[80],colorBrandStroke2:r[140],colorBrandStroke2Hover:r[120],colorBrandStroke2Pressed:r[80],colorBrandStroke2Contrast:r[140],colorCompoundBrandStroke:r[80],colorCompoundBrandStrokeHover:r[70],colorCompoundBrandStrokePressed:r[60],colorNeutralStrokeDisabled:i[88],colorNeutralStrokeDisabled2:i[92],colorNeutralStrokeInvertedDisabled:P[40],colorTransparentStroke:"transparent",colorTransparentStrokeInteractive:"transparent",colorTransparentStrokeDisabled:"transparent",colorNeutralStrokeAlpha:D[5],colorNeutralStrokeAlpha2:P[20],colorStrokeFocus1:g,colorStrokeFocus2:Oe,colorNeutralShadowAmbient:"rgba(0,0,0,0.12)",colorNeutralShadowKey:"rgba(0,0,0,0.14)",colorNeutralShadowAmbientLighter:"rgba(0,0,0,0.06)",colorNeutralShadowKeyLighter:"rgba(0,0,0,0.07)",colorNeutralShadowAmbientDarker:"rgba(0,0,0,0.20)",colorNeutralShadowKeyDarker:"rgba(0,0,0,0.24)",colorBrandShadowAmbient:"rgba(0,0,0,0.30)",colorBrandShadowKey:"rgba(0,0,0,0.25)"});var Ze={borderRadiusNone:"0",borderRadiusSmall:"2px",borderRadiusMedium:"4px",borderRadiusLarge:"6px",borderRadiusXLarge:"8px",borderRadius2XLarge:"12px",borderRadius3XLarge:"16px",borderRadius4XLarge:"24px",borderRadius5XLarge:"32px",borderRadius6XLarge:"40px",borderRadiusCircular:"10000px"};var Gr={curveAccelerateMax:"cubic-bezier(0.9,0.1,1,0.2)",curveAccelerateMid:"cubic-bezier(1,0,1,1)",curveAccelerateMin:"cubic-bezier(0.8,0,0.78,1)",curveDecelerateMax:"cubic-bezier(0.1,0.9,0.2,1)",curveDecelerateMid:"cubic-bezier(0,0,0,1)",curveDecelerateMin:"cubic-bezier(0.33,0,0.1,1)",curveEasyEaseMax:"cubic-bezier(0.8,0,0.2,1)",curveEasyEase:"cubic-bezier(0.33,0,0.67,1)",curveLinear:"cubic-bezier(0,0,1,1)"};var Xr={durationUltraFast:"50ms",durationFaster:"100ms",durationFast:"150ms",durationNormal:"200ms",durationGentle:"250ms",durationSlow:"300ms",durationSlower:"400ms",durationUltraSlow:"500ms"};var er={fontSizeBase100:"10px",fontSizeBase200:"12px",fontSizeBase300:"14px",fontSizeBase400:"16px",fontSizeBase500:"20px",fontSizeBase600:"24px",fontSizeHero700:"28px",fontSizeHero800:"32px",fontSizeHero900:"40px",fontSizeHero1000:"68px"},rr={lineHeightBase100:"14px",lineHeightBase200:"16px",lineHeightBase300:"20px",lineHeightBase400:"22px",lineHeightBase500:"28px",lineHeightBase600:"32px",lineHeightHero700:"36px",lineHeightHero800:"40px",lineHeightHero900:"52px",lineHeightHero1000:"92px"},tr={fontWeightRegular:400,fontWeightMedium:500,fontWeightSemibold:600,fontWeightBold:700},or={fontFamilyBase:"'Segoe UI', 'Segoe UI Web (West European)', -apple-system, BlinkMacSystemFont, Roboto, 'Helvetica Neue', sans-serif",fontFamilyMonospace:"Consolas, 'Courier New', Courier, monospace",fontFamilyNumeric:"Bahnschrift, 'Segoe UI', 'Segoe UI Web (West European)', -apple-system, BlinkMacSystemFont, Roboto, 'Helvetica Neue', sans-serif"};var B={none:"0",xxs:"2px",xs:"4px",sNudge:"6px",s:"8px",mNudge:"10px",m:"12px",l:"16px",xl:"20px",xxl:"24px",xxxl:"32px"},Ur={spacingHorizontalNone:B.none,spacingHorizontalXXS:B.xxs,spacingHorizontalXS:B.xs,spacingHorizontalSNudge:B.sNudge,spacingHorizontalS:B.s,spacingHorizontalMNudge:B.mNudge,spacingHorizontalM:B.m,spacingHorizontalL:B.l,spacingHorizontalXL:B.xl,spacingHorizontalXXL:B.xxl,spacingHorizontalXXXL:B.xxxl},qr={spacingVerticalNone:B.none,spacingVerticalXXS:B.xxs,spacingVerticalXS:B.xs,spacingVerticalSNudge:B.sNudge,spacingVerticalS:B.s,spacingVerticalMNudge:B.mNudge,spacingVerticalM:B.m,spacingVerticalL:B.l,spacingVerticalXL:B.xl,spacingVerticalXXL:B.xxl,spacingVerticalXXXL:B.xxxl};var nr={strokeWidthThin:"1px",strokeWidthThick:"2px",strokeWidthThicker:"3px",strokeWidthThickest:"4px"};function De(r,e,t=""){return{[`shadow2${t}`]:`0 0 2px ${r}, 0 1px 2px ${e}`,[`shadow4${t}`]:`0 0 2px ${r}, 0 2px 4px ${e}`,[`shadow8${t}`]:`0 0 2px ${r}, 0 4px 8px ${e}`,[`shadow16${t}`]:`0 0 2px ${r}, 0 8px 16px ${e}`,[`shadow28${t}`]:`0 0 8px ${r}, 0 14px 28px ${e}`,[`shadow64${t}`]:`0 0 8px ${r}, 0 32px 64px ${e}`}}var Ja=r=>{let e=Ya(r);return{...Ze,...er,...rr,...or,...tr,...nr,...Ur,...qr,...Xr,...Gr,...e,...Ka,...me,...De(e.colorNeutralShadowAmbient,e.colorNeutralShadowKey),...De(e.colorBrandShadowAmbient,e.colorBrandShadowKey,"Brand")}};var Kr={10:"#061724",20:"#082338",30:"#0a2e4a",40:"#0c3b5e",50:"#0e4775",60:"#0f548c",70:"#115ea3",80:"#0f6cbd",90:"#2886de",100:"#479ef5",110:"#62abf5",120:"#77b7f7",130:"#96c6fa",140:"#b4d6fa",150:"#cfe4fa",160:"#ebf3fc"};var q=Wr.reduce((r,e)=>{let t=e.slice(0,1).toUpperCase()+e.slice(1),o={[`colorPalette${t}Background1`]:f[e].shade40,[`colorPalette${t}Background2`]:f[e].shade30,[`colorPalette${t}Background3`]:f[e].primary,[`colorPalette${t}Foreground1`]:f[e].tint30,[`colorPalette${t}Foreground2`]:f[e].tint40,[`colorPalette${t}Foreground3`]:f[e].tint20,[`colorPalette${t}BorderActive`]:f[e].tint30,[`colorPalette${t}Border1`]:f[e].primary,[`colorPalette${t}Border2`]:f[e].tint20};return Object.assign(r,o)},{});q.colorPaletteRedForeground3=f.red.tint30;q.colorPaletteRedBorder2=f.red.tint30;q.colorPaletteGreenForeground3=f.green.tint40;q.colorPaletteGreenBorder2=f.green.tint40;q.colorPaletteDarkOrangeForeground3=f.darkOrange.tint30;q.colorPaletteDarkOrangeBorder2=f.darkOrange.tint30;q.colorPaletteRedForegroundInverted=f.red.primary;q.colorPaletteGreenForegroundInverted=f.green.primary;q.colorPaletteYellowForegroundInverted=f.yellow.shade30;var Mt=Vr.reduce((r,e)=>{let t=e.slice(0,1).toUpperCase()+e.slice(1),o={[`colorPalette${t}Background2`]:U[e].shade30,[`colorPalette${t}Foreground2`]:U[e].tint40,[`colorPalette${t}BorderActive`]:U[e].tint30};return Object.assign(r,o)},{});Mt.colorPaletteDarkRedBackground2=U.darkRed.shade20;Mt.colorPalettePlumBackground2=U.plum.shade20;var Qa={...q,...Mt},oe=Object.entries(A).reduce((r,[e,t])=>{let o=e.slice(0,1).toUpperCase()+e.slice(1),n={[`colorStatus${o}Background1`]:h[t].shade40,[`colorStatus${o}Background2`]:h[t].shade30,[`colorStatus${o}Background3`]:h[t].primary,[`colorStatus${o}Foreground1`]:h[t].tint30,[`colorStatus${o}Foreground2`]:h[t].tint40,[`colorStatus${o}Foreground3`]:h[t].tint20,[`colorStatus${o}BorderActive`]:h[t].tint30,[`colorStatus${o}ForegroundInverted`]:h[t].shade10,[`colorStatus${o}Border1`]:h[t].primary,[`colorStatus${o}Border2`]:h[t].tint20};return Object.assign(r,n)},{});oe.colorStatusDangerBackground3Hover=h[A.danger].shade10;oe.colorStatusDangerBackground3Pressed=h[A.danger].shade20;oe.colorStatusDangerForeground3=h[A.danger].tint40;oe.colorStatusDangerBorder2=h[A.danger].tint30;oe.colorStatusSuccessForeground3=h[A.success].tint40;oe.colorStatusSuccessBorder2=h[A.success].tint40;oe.colorStatusWarningForegroundInverted=h[A.warning].shade20;var ar=Ja(Kr);var Za=r=>({colorNeutralForeground1:g,colorNeutralForeground1Hover:g,colorNeutralForeground1Pressed:g,colorNeutralForeground1Selected:g,colorNeutralForeground2:i[84],colorNeutralForeground2Hover:g,colorNeutralForeground2Pressed:g,colorNeutralForeground2Selected:g,colorNeutralForeground2BrandHover:r[100],colorNeutralForeground2BrandPressed:r[90],colorNeutralForeground2BrandSelected:r[100],colorNeutralForeground3:i[68],colorNeutralForeground3Hover:i[84],colorNeutralForeground3Pressed:i[84],colorNeutralForeground3Selected:i[84],colorNeutralForeground3BrandHover:r[100],colorNeutralForeground3BrandPressed:r[90],colorNeutralForeground3BrandSelected:r[100],colorNeutralForeground4:i[60],colorNeutralForeground5:i[68],colorNeutralForeground5Hover:g,colorNeutralForeground5Pressed:g,colorNeutralForeground5Selected:g,colorNeutralForegroundDisabled:i[36],colorNeutralForegroundInvertedDisabled:P[40],colorBrandForegroundLink:r[100],colorBrandForegroundLinkHover:r[110],colorBrandForegroundLinkPressed:r[90],colorBrandForegroundLinkSelected:r[100],colorNeutralForeground2Link:i[84],colorNeutralForeground2LinkHover:g,colorNeutralForeground2LinkPressed:g,colorNeutralForeground2LinkSelected:g,colorCompoundBrandForeground1:r[100],colorCompoundBrandForeground1Hover:r[110],colorCompoundBrandForeground1Pressed:r[90],colorBrandForeground1:r[100],colorBrandForeground2:r[110],colorBrandForeground2Hover:r[130],colorBrandForeground2Pressed:r[160],colorNeutralForeground1Static:i[14],colorNeutralForegroundStaticInverted:g,colorNeutralForegroundInverted:i[14],colorNeutralForegroundInvertedHover:i[14],colorNeutralForegroundInvertedPressed:i[14],colorNeutralForegroundInvertedSelected:i[14],colorNeutralForegroundInverted2:i[14],colorNeutralForegroundOnBrand:g,colorNeutralForegroundInvertedLink:g,colorNeutralForegroundInvertedLinkHover:g,colorNeutralForegroundInvertedLinkPressed:g,colorNeutralForegroundInvertedLinkSelected:g,colorBrandForegroundInverted:r[80],colorBrandForegroundInvertedHover:r[70],colorBrandForegroundInvertedPressed:r[60],colorBrandForegroundOnLight:r[80],colorBrandForegroundOnLightHover:r[70],colorBrandForegroundOnLightPressed:r[50],colorBrandForegroundOnLightSelected:r[60],colorNeutralBackground1:i[16],colorNeutralBackground1Hover:i[24],colorNeutralBackground1Pressed:i[12],colorNeutralBackground1Selected:i[22],colorNeutralBackground2:i[12],colorNeutralBackground2Hover:i[20],colorNeutralBackground2Pressed:i[8],colorNeutralBackground2Selected:i[18],colorNeutralBackground3:i[8],colorNeutralBackground3Hover:i[16],colorNeutralBackground3Pressed:i[4],colorNeutralBackground3Selected:i[14],colorNeutralBackground4:i[4],colorNeutralBackground4Hover:i[12],colorNeutralBackground4Pressed:Oe,colorNeutralBackground4Selected:i[10],colorNeutralBackground5:Oe,colorNeutralBackground5Hover:i[8],colorNeutralBackground5Pressed:i[2],colorNeutralBackground5Selected:i[6],colorNeutralBackground6:i[20],colorNeutralBackground7:"#00000000",colorNeutralBackground7Hover:i[10],colorNeutralBackground7Pressed:i[4],colorNeutralBackground7Selected:"#00000000",colorNeutralBackground8:i[16],colorNeutralBackgroundInverted:g,colorNeutralBackgroundInvertedHover:i[96],colorNeutralBackgroundInvertedPressed:i[88],colorNeutralBackgroundInvertedSelected:i[92],colorNeutralBackgroundStatic:i[24],colorNeutralBackgroundAlpha:ga[50],colorNeutralBackgroundAlpha2:ha[70],colorSubtleBackground:"transparent",colorSubtleBackgroundHover:i[22],colorSubtleBackgroundPressed:i[18],colorSubtleBackgroundSelected:i[20],colorSubtleBackgroundLightAlphaHover:Et[80],colorSubtleBackgroundLightAlphaPressed:Et[50],colorSubtleBackgroundLightAlphaSelected:"transparent",colorSubtleBackgroundInverted:"transparent",colorSubtleBackgroundInvertedHover:D[10],colorSubtleBackgroundInvertedPressed:D[30],colorSubtleBackgroundInvertedSelected:D[20],colorTransparentBackground:"transparent",colorTransparentBackgroundHover:"transparent",colorTransparentBackgroundPressed:"transparent",colorTransparentBackgroundSelected:"transparent",colorNeutralBackgroundDisabled:i[8],colorNeutralBackgroundDisabled2:i[16],colorNeutralBackgroundInvertedDisabled:P[10],colorNeutralStencil1:i[34],colorNeutralStencil2:i[20],colorNeutralStencil1Alpha:P[10],colorNeutralStencil2Alpha:P[5],colorBackgroundOverlay:D[50],colorScrollbarOverlay:P[60],colorBrandBackground:r[70],colorBrandBackgroundHover:r[80],colorBrandBackgroundPressed:r[40],colorBrandBackgroundSelected:r[60],colorCompoundBrandBackground:r[100],colorCompoundBrandBackgroundHover:r[110],colorCompoundBrandBackgroundPressed:r[90],colorBrandBackgroundStatic:r[80],colorBrandBackground2:r[20],colorBrandBackground2Hover:r[40],colorBrandBackground2Pressed:r[10],colorBrandBackground3Static:r[60],colorBrandBackground4Static:r[40],colorBrandBackgroundInverted:g,colorBrandBackgroundInvertedHover:r[160],colorBrandBackgroundInvertedPressed:r[140],colorBrandBackgroundInvertedSelected:r[150],colorNeutralCardBackground:i[20],colorNeutralCardBackgroundHover:i[24],colorNeutralCardBackgroundPressed:i[18],colorNeutralCardBackgroundSelected:i[22],colorNeutralCardBackgroundDisabled:i[8],colorNeutralStrokeAccessible:i[68],colorNeutralStrokeAccessibleHover:i[74],colorNeutralStrokeAccessiblePressed:i[70],colorNeutralStrokeAccessibleSelected:r[100],colorNeutralStroke1:i[40],colorNeutralStroke1Hover:i[46],colorNeutralStroke1Pressed:i[42],colorNeutralStroke1Selected:i[44],colorNeutralStroke2:i[32],colorNeutralStroke3:i[24],colorNeutralStroke4:i[24],colorNeutralStroke4Hover:i[18],colorNeutralStroke4Pressed:i[14],colorNeutralStroke4Selected:i[24],colorNeutralStrokeSubtle:i[4],colorNeutralStrokeOnBrand:i[16],colorNeutralStrokeOnBrand2:g,colorNeutralStrokeOnBrand2Hover:g,colorNeutralStrokeOnBrand2Pressed:g,colorNeutralStrokeOnBrand2Selected:g,colorBrandStroke1:r[100],colorBrandStroke2:r[50],colorBrandStroke2Hover:r[50],colorBrandStroke2Pressed:r[30],colorBrandStroke2Contrast:r[50],colorCompoundBrandStroke:r[100],colorCompoundBrandStrokeHover:r[110],colorCompoundBrandStrokePressed:r[90],colorNeutralStrokeDisabled:i[26],colorNeutralStrokeDisabled2:i[24],colorNeutralStrokeInvertedDisabled:P[40],colorTransparentStroke:"transparent",colorTransparentStrokeInteractive:"transparent",colorTransparentStrokeDisabled:"transparent",colorNeutralStrokeAlpha:P[10],colorNeutralStrokeAlpha2:P[20],colorStrokeFocus1:Oe,colorStrokeFocus2:g,colorNeutralShadowAmbient:"rgba(0,0,0,0.24)",colorNeutralShadowKey:"rgba(0,0,0,0.28)",colorNeutralShadowAmbientLighter:"rgba(0,0,0,0.12)",colorNeutralShadowKeyLighter:"rgba(0,0,0,0.14)",colorNeutralShadowAmbientDarker:"rgba(0,0,0,0.40)",colorNeutralShadowKeyDarker:"rgba(0,0,0,0.48)",colorBrandShadowAmbient:"rgba(0,0,0,0.30)",colorBrandShadowKey:"rgba(0,0,0,0.25)"});var ei=r=>{let e=Za(r);return{...Ze,...er,...rr,...or,...tr,...nr,...Ur,...qr,...Xr,...Gr,...e,...Qa,...oe,...De(e.colorNeutralShadowAmbient,e.colorNeutralShadowKey),...De(e.colorBrandShadowAmbient,e.colorBrandShadowKey,"Brand")}};var ir=ei(Kr);var oi=window.matchMedia("(prefers-color-scheme: dark)");function ni(){pa(oi.matches?ir:ar)}oi.addEventListener("change",ni);ni();var ri={token:"API key or access token",basic:"Name and password"},ti=class extends _t{constructor(){super(...arguments);this.follows=!0;this.ways=[];this.way="token"}createRenderRoot(){return this}connectedCallback(){super.connectedCallback(),Gt(),this.follows&&qt(this.root),Ut(()=>this.requestUpdate()),Vt(t=>{this.ways=t,this.way=t[0]??"token",this.requestUpdate()}),document.addEventListener("keydown",t=>this.key(t))}key(t){if(!(t.composedPath().some(n=>n instanceof HTMLElement&&n.matches("input, textarea, select, [contenteditable]"))||t.metaKey||t.ctrlKey||t.altKey))if(t.key==="/"){let n=this.querySelector("[data-search]");n&&(t.preventDefault(),n.focus())}else t.key==="?"&&this.querySelector("#keys")?.showModal()}render(){let t=Xt(this.root);return ae`
      <a class="skip" href="#main" @click=${this.skip}>To the content</a>
      <header>
        <a class="brand" href=${this.root}>${this.title_}</a>
        <nav aria-label="Main">
          ${this.nav.map(({href:o,label:n})=>ae`<a href=${o} aria-current=${this.isHere(o)?"page":Ee}>${n}</a>`)}
        </nav>
        <span class="fill"></span>
        ${Jr()?ae`<fluent-button size="small" appearance="subtle" @click=${this.leave}>Sign out</fluent-button>`:Ee}
        <fluent-button size="small" appearance="subtle" icon-only aria-label="Keys" title="Keys (?)" @click=${()=>this.querySelector("#keys")?.showModal()}>?</fluent-button>
      </header>
      <main id="main" tabindex="-1">${this.ways.length?this.signIn():this.show(t)}</main>
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
    `}isHere(t){let{pathname:o}=window.location;return t===this.root?o===this.root:o.startsWith(t)}skip(t){t.preventDefault(),document.querySelector("#main")?.focus()}leave(){Wt(),Qr(),window.location.reload()}signIn(){let t=this.way==="basic";return ae`<section class="card narrow">
      <h1>Sign in</h1>
      <p>${Jr()?"What you signed in with is not, or no longer, valid.":"This server asks who you are."}</p>
      <form
        @submit=${o=>{o.preventDefault();let n=new FormData(o.target);jt(this.way,String(n.get("secret")),String(n.get("name")??"")),Qr(),window.location.reload()}}
      >
        ${this.ways.length>1?ae`<label>With
              <select @change=${o=>{this.way=o.target.value,this.requestUpdate()}}>
                ${this.ways.map(o=>ae`<option value=${o} ?selected=${o===this.way}>${ri[o]}</option>`)}
              </select>
            </label>`:Ee}
        ${t?ae`<label>Name <input name="name" autocomplete="username" required></label>`:Ee}
        <label>${t?"Password":ri[this.way]}
          <input name="secret" type="password" autocomplete=${t?"current-password":"off"} required>
        </label>
        <p class="quiet">It is kept for this tab, until you close it or sign out.</p>
        <button class="primary">Sign in</button>
      </form>
    </section>`}};export{ti as a};
