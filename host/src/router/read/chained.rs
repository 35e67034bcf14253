//! Conditions on related rows that the FHIR service looks at itself (`plan/search/chain.rs`). Where the related rows are few, their
//! keys are the better condition. Where they are many, the service is asked by a chain, and of the rows on each page the related
//! ones are read and checked: what it finds too much is dropped. That it finds too little is tried before the first use, on rows
//! that it finds by their keys.

use std::collections::{BTreeSet, HashMap};
use std::pin::Pin;
use std::time::Instant;

use uuid::Uuid;

use crate::fhir::client::{Lesson, Searched};
use crate::model::error::{Code, Error, Result};
use crate::model::query::Filter;
use crate::model::rows::Rows;
use crate::plan::evaluate::residual;
use crate::plan::planner::{related_in, with_keys};
use crate::plan::search::chain::Chain;
use crate::plan::search::query::{Search, Searched as Planned, searches};
use crate::plan::tree::{Later, Place, Read, Scan, SearchScan, Semijoin, and};
use crate::router::read::join::{guids, hashed};
use crate::router::read::made::{Batch, split};
use crate::router::read::pages::Searching;
use crate::router::session::{Session, Step};

/// Related rows whose keys a chain is tried with, and resources that these are to find.
const TRIED_KEYS: usize = 50;
const TRIED_RESOURCES: u32 = 20;

impl Session {
    /// What becomes of the joins of a read that one service can look at itself: the condition, in its place in `within`; those of
    /// them that are looked at later, page by page, where they stand in the filter as they were written; and the texts behind keys.
    pub(super) async fn chained(
        &self,
        read: &Read,
        within: &mut [Option<Filter>],
    ) -> Result<(Vec<Later>, HashMap<Uuid, String>)> {
        let (mut later, mut ids) = (Vec::new(), HashMap::new());
        let related = read.query.filter.as_ref().map(related_in).unwrap_or_default();
        for ((join, (node, is_met)), within) in read.joins.iter().zip(related).zip(within) {
            let is_asked = is_met && join.is_of_rows_found() && join.is_in_the_service_of(read);
            if within.is_some() || !is_asked {
                continue;
            }
            let (filter, known) = self.joined(&join.related).await?;
            let most = self.limits().related_keys;
            let rows = match join.chains(read, filter.as_ref(), &known) {
                None => self.all(&join.related, filter, &known, most).await?,
                Some(chains) => {
                    let (rows, is_all) = self.few(&join.related, filter.clone(), &known, &chains).await?;
                    if !is_all && self.finds_by(read, join, &chains, &rows).await? {
                        *within = Some(node.clone());
                        later.push(Later { join: join.clone(), filter, ids: known, chains });
                        continue;
                    }
                    if is_all { rows } else { self.all(&join.related, filter, &known, most).await? }
                }
            };
            ids.extend(texts(join, &rows));
            let keys = guids(&join.related.table, &rows, join.theirs, &read.table);
            *within = Some(join.condition(&read.table, keys));
        }
        Ok((later, ids))
    }

    /// Whether a chain of a scan has come to light as one that the service does not do.
    pub(super) fn has_lost_a_chain(&self, read: &Read, scan: &SearchScan) -> Result<bool> {
        let client = self.client(self.snapshot().root(self.snapshot().table(&read.table.name)?))?;
        let chains = scan.later.iter().flat_map(|later| &later.chains);
        Ok(chains.flat_map(lessons).any(|(resource_type, lesson)| client.learned(resource_type, lesson) == Some(0)))
    }

    /// The related rows that rows can lead to, if these are few, and whether they are; else some of them.
    async fn few(
        &self,
        read: &Read,
        filter: Option<Filter>,
        ids: &HashMap<Uuid, String>,
        chains: &[Chain],
    ) -> Result<(Rows, bool)> {
        let Scan::Search(mut scan) = read.scan_for(filter, ids) else {
            return Err(Error::new(Code::Internal, "rows of the store are not found by a chain"));
        };
        scan.searches.retain(|search| chains.iter().any(|chain| chain.of == search.resource_type));
        let table = self.snapshot().table(&read.table.name)?;
        Searching::new(self, table, &scan)?.few(self.limits().chained_keys).await
    }

    /// Whether the service finds by chains what it finds by the keys of related rows, of which these are some. What cannot be tried is
    /// not believed.
    async fn finds_by(&self, read: &Read, join: &Semijoin, chains: &[Chain], some: &Rows) -> Result<bool> {
        let client = self.client(self.snapshot().root(self.snapshot().table(&read.table.name)?))?;
        // Reading the related rows may have shown more than was known before.
        let not_done = client.not_done();
        if chains.iter().flat_map(|chain| &chain.needs).any(|name| not_done.contains(name)) {
            return Ok(false);
        }
        for chain in chains.iter().filter(|chain| chain.reaches && !chain.is_plain) {
            let known: Vec<_> = lessons(chain).map(|(of, lesson)| client.learned(of, lesson)).collect();
            if known.contains(&Some(0)) {
                return Ok(false);
            }
            if known.iter().all(|known| *known == Some(1)) {
                continue;
            }
            let Some(finds) = self.tried(read, join, chain, some).await? else { return Ok(false) };
            lessons(chain).for_each(|(of, lesson)| client.learn(of, lesson, u32::from(finds)));
            if !finds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// None: no resources lead to these rows.
    async fn tried(&self, read: &Read, join: &Semijoin, chain: &Chain, some: &Rows) -> Result<Option<bool>> {
        let Place::Virtual(server) = &read.place else { return Ok(None) };
        let keys = guids(&join.related.table, some, join.theirs, &read.table);
        let by_keys = Filter::one_of(&read.table, join.own, &join.related.table, keys.into_iter().take(TRIED_KEYS));
        let ids: HashMap<_, _> = texts(join, some).collect();
        let planned = searches(Some(&by_keys), &read.table, server, &ids);
        let search = planned.into_iter().find_map(|planned| match planned {
            Planned::Search(search) if search.resource_type == chain.resource_type => Some(search),
            _ => None,
        });
        let Some(search) = search.filter(|search| search.params.len() > search.fixed) else { return Ok(None) };
        let found = self.found(read, &search, &search.params, TRIED_RESOURCES).await?.unwrap_or_default();
        if found.is_empty() {
            return Ok(None);
        }
        let fixed = search.params[..search.fixed].iter().cloned();
        let these = found.iter().cloned().collect::<Vec<_>>().join(",");
        let params: Vec<_> = fixed.chain([("_id".to_owned(), these)]).chain(chain.params.iter().cloned()).collect();
        let by_chain = self.found(read, &search, &params, 2 * TRIED_RESOURCES).await?;
        Ok(Some(by_chain.is_some_and(|by_chain| found.is_subset(&by_chain))))
    }

    /// The ids of the resources on the first page of a search. None: it is refused.
    async fn found(
        &self,
        read: &Read,
        search: &Search,
        params: &[(String, String)],
        count: u32,
    ) -> Result<Option<BTreeSet<String>>> {
        let table = self.snapshot().table(&read.table.name)?.clone();
        let client = self.client(self.snapshot().root(&table))?;
        let begun = Instant::now();
        self.budget().call();
        let answer = client.search(&search.resource_type, params, Some(count), self.wait(count.into())).await;
        self.trace().add(Step::Upstream, begun.elapsed());
        let Searched::Page(page) = answer? else { return Ok(None) };
        if page.downgraded {
            return Ok(None);
        }
        let (resource_type, most) = (search.resource_type.clone(), count as usize);
        let ids = move || {
            let bundle = split(&table, &page)?;
            let found = bundle.entries.iter().filter_map(|entry| entry.resource.as_ref());
            let found = found.filter(|resource| resource.resource_type == resource_type).take(most);
            Ok(found.filter_map(|resource| resource.id.as_deref().map(str::to_owned)).collect())
        };
        self.work(&read.table, ids).await?.map(Some)
    }
}

impl Searching<'_> {
    /// The rows of the first page of each search, and whether these are all, and no more than `most`.
    async fn few(mut self, most: usize) -> Result<(Rows, bool)> {
        let (scan, mut rows) = (self.scan, Rows::new(self.columns.to_vec()));
        for search in &scan.searches {
            let batch = self.batch(search, None, most.saturating_add(1)).await?;
            for row in &batch.kept {
                if self.is_new(&batch.rows, *row) {
                    rows.push_row(&batch.rows, *row);
                }
            }
            if batch.next.is_some() || rows.len() > most {
                return Ok((rows, false));
            }
            self.ended(search).await?;
        }
        Ok((rows, true))
    }

    /// What was found of a page by chains without the rows whose related rows are not as they must be. A read of these may be one of
    /// chains, too, so the future is on the heap.
    pub(super) fn checked<'s>(
        &'s mut self,
        search: &'s Search,
        batch: Batch,
    ) -> Pin<Box<dyn Future<Output = Result<Batch>> + Send + 's>> {
        Box::pin(async move {
            let (session, table, scan) = (self.session, self.table.table.clone(), self.scan);
            let found = batch.rows.pick(&batch.kept);
            self.related.resize_with(scan.later.len(), HashMap::new);
            let mut conditions = Vec::with_capacity(scan.later.len());
            for (later, known) in scan.later.iter().zip(&mut self.related) {
                let (join, related) = (&later.join, &later.join.related);
                let keys = guids(&table, &found, join.own, &related.table);
                let new: Vec<Uuid> = keys.iter().filter(|key| !known.contains_key(*key)).copied().collect();
                if !new.is_empty() {
                    let mut ids = later.ids.clone();
                    ids.extend(hashed(&table, &found, join.own).map(|(guid, text)| (guid, text.to_owned())));
                    let among = Filter::one_of(&related.table, join.theirs, &table, new.iter().copied());
                    let filter = and(later.filter.clone(), among);
                    let rows = session.all(related, Some(filter), &ids, usize::MAX).await?;
                    let met = guids(&related.table, &rows, join.theirs, &table);
                    known.extend(new.into_iter().map(|key| (key, met.contains(&key))));
                }
                let met = keys.into_iter().filter(|key| known.get(key) == Some(&true)).collect();
                conditions.push(join.condition(&table, met));
            }
            let Some(filter) = &search.filter else { return Ok(batch) };
            let filter = with_keys(filter, &mut conditions.into_iter())?;
            let begun = Instant::now();
            let kept = session.work_on(batch.rows.len(), &self.table.table, move || {
                residual::filter_rows(Some(&filter), &table, &batch.rows).map(|kept| Batch { kept, ..batch })
            });
            let kept = kept.await?;
            session.trace().add(Step::Residual, begun.elapsed());
            kept
        })
    }

    /// Has it remembered that the service does not do what a search by chains asks; there is one if it is such a search.
    pub(super) fn forget_chains(&self, search: &Search, lost: impl Fn(&str) -> bool) -> bool {
        let chains = self.scan.later.iter().flat_map(|later| &later.chains);
        let of_search = chains.filter(|chain| chain.resource_type == search.resource_type && chain.reaches);
        let mut any = false;
        for chain in of_search.filter(|chain| chain.params.iter().any(|(name, _)| lost(name))) {
            any = true;
            lessons(chain).for_each(|(of, lesson)| self.client.learn(of, lesson, 0));
        }
        any
    }
}

/// What is to be learned of a chain.
fn lessons(chain: &Chain) -> impl Iterator<Item = (&str, Lesson)> {
    let names: BTreeSet<&str> = chain.params.iter().map(|(name, _)| name.as_str()).collect();
    names.into_iter().map(|name| (chain.resource_type.as_str(), Lesson::Chains(name.to_owned())))
}

/// The texts behind those keys that do not carry their own.
fn texts<'r>(join: &'r Semijoin, rows: &'r Rows) -> impl Iterator<Item = (Uuid, String)> + use<'r> {
    hashed(&join.related.table, rows, join.theirs).map(|(guid, text)| (guid, text.to_owned()))
}
