//! Pipelines of one process, seen together: each has a name and a group of its own, and no record goes round in a
//! circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;

use super::addresses;
use super::beside::Destination;
use super::error::{Diagnostic, Errors, Position, Source};
use super::pattern::TopicPattern;
use super::plan::Plan;

/// Checks that pipelines can run in one process.
///
/// # Errors
/// Pipelines that share a name, or a consumer group of one cluster; pipelines that read what comes of their own
/// records. Each finding names both files.
pub fn check_together<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Result<(), Errors> {
    let all: Vec<Member<'p>> = plans.into_iter().map(Member::new).collect();
    let mut findings = Vec::new();
    for (index, member) in all.iter().enumerate() {
        let earlier = &all[..index];
        if let Some(other) = earlier.iter().find(|other| other.plan.name == member.plan.name) {
            let message = format!("a pipeline of this name is in {}, too", other.place(other.plan.as_written.0.name));
            let help = "give each pipeline a name of its own";
            findings.push(member.finding(member.plan.as_written.0.name, message).with_help(help));
        } else if let Some(other) = earlier.iter().find(|other| other.shares_group(member)) {
            let place = other.place(other.plan.as_written.0.group);
            let group = &member.plan.input.group;
            let message = format!("the consumer group \"{group}\" of this cluster is used in {place}, too");
            let help = "two pipelines would take each other's partitions: give each a group of its own";
            findings.push(member.finding(member.plan.as_written.0.group, message).with_help(help));
        }
    }
    findings.extend(loops(&all));
    Errors::new(findings).map_or(Ok(()), Err)
}

/// A pipeline among others.
struct Member<'p> {
    plan: &'p Plan,
    brokers: BTreeSet<String>,
    patterns: Vec<TopicPattern>,
}

impl<'p> Member<'p> {
    fn new(plan: &'p Plan) -> Member<'p> {
        let setting = |name: &str| plan.consumer.get(name).map(String::as_str).unwrap_or_default();
        let protocol = plan.consumer.get("security.protocol").map_or("plaintext", String::as_str);
        let brokers = addresses::parse(setting("bootstrap.servers"), protocol).unwrap_or_default();
        let patterns = plan.input.topics.iter().filter(|topic| topic.starts_with('^'));
        let patterns = patterns.filter_map(|pattern| TopicPattern::new(pattern).ok()).collect();
        Member { plan, brokers: brokers.into_iter().collect(), patterns }
    }

    fn shares_cluster(&self, other: &Member<'_>) -> bool {
        !self.brokers.is_disjoint(&other.brokers)
    }

    fn shares_group(&self, other: &Member<'_>) -> bool {
        self.plan.input.group == other.plan.input.group && self.shares_cluster(other)
    }

    fn reads(&self, topic: &str) -> bool {
        self.plan.input.topics.iter().any(|own| own == topic)
            || self.patterns.iter().any(|pattern| pattern.matches(topic))
    }

    /// The first topic that this one writes and the other reads.
    fn feeds(&self, other: &Member<'_>) -> Option<&'p Destination> {
        let destinations = &self.plan.as_written.0.destinations;
        destinations.iter().find(|written| other.reads(&written.topic)).filter(|_| self.shares_cluster(other))
    }

    fn place(&self, Position { line, column }: Position) -> String {
        format!("{}:{line}:{column}", self.plan.file.display())
    }

    fn finding(&self, at: Position, message: String) -> Diagnostic {
        // The text is only there to be quoted.
        let text = fs::read_to_string(&self.plan.file).unwrap_or_default();
        Source::new(&self.plan.file, &text).diagnostic(at, message)
    }
}

/// Every pipeline that reads what comes of its own records by way of others, unless all on the way allow it. A loop
/// within one file is found when that is planned.
fn loops(all: &[Member<'_>]) -> Vec<Diagnostic> {
    let feeds: Vec<Vec<usize>> = all
        .iter()
        .enumerate()
        .map(|(from, member)| {
            let others = all.iter().enumerate().filter(|(to, other)| *to != from && member.feeds(other).is_some());
            others.map(|(to, _)| to).collect()
        })
        .collect();
    let strict = (0..all.len()).filter(|index| !all[*index].plan.as_written.0.allow_loop);
    let found = strict.filter_map(|index| Some((index, way_back(&feeds, index)?)));
    found
        .filter_map(|(index, way)| {
            let member = &all[index];
            let Destination { key, topic, at } = member.feeds(&all[*way.first()?])?;
            let via: Vec<String> = way.iter().map(|other| all[*other].plan.file.display().to_string()).collect();
            let message = format!(
                "{key}: \"{topic}\" is read by {}, and what comes of it is read here again",
                via.join(", then ")
            );
            let help = "records would go round in a circle; choose another topic, or say `allow_loop: true` under `input` in \
                        each of these files";
            Some(member.finding(*at, message).with_help(help))
        })
        .collect()
}

/// The shortest way from a pipeline back to itself: those between.
fn way_back(feeds: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let (mut came_from, mut queue) = (BTreeMap::new(), VecDeque::from([start]));
    while let Some(index) = queue.pop_front() {
        for &next in &feeds[index] {
            if next == start {
                let mut way = vec![index];
                while let Some(&before) = came_from.get(way.last()?).filter(|before| **before != start) {
                    way.push(before);
                }
                way.reverse();
                return Some(way);
            }
            if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(next) {
                entry.insert(index);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{PlanOptions, load};

    /// Checks files of these names and texts together.
    fn checked(files: &[(&str, &str)]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let plan = |(name, text): &(&str, &str)| {
            let path: PathBuf = folder.path().join(name);
            fs::write(&path, text).unwrap();
            load(&path, &|_| None, &PlanOptions::default()).unwrap().0
        };
        let plans: Vec<Plan> = files.iter().map(plan).collect();
        let root = format!("{}/", folder.path().display());
        check_together(&plans).map_err(|errors| errors.to_string().replace(&root, ""))
    }

    fn text(name: &str, brokers: &str, input: &str, output: &str) -> String {
        format!(
            "name: {name}\nkafka: {{ bootstrap.servers: \"{brokers}\" }}\ninput: {input}\n\
             outputs: {{ default: {{ topic: {output} }} }}\n"
        )
    }

    #[test]
    fn one_name_in_two_files_names_both() {
        let twin = text("twin", "x", "{ topics: [a] }", "b");
        assert_eq!(checked(&[("a.yaml", &twin)]), Ok(()));
        let errors = checked(&[("a.yaml", &twin), ("b.yaml", &twin)]).unwrap_err();
        assert!(
            errors.starts_with("b.yaml:1:7: a pipeline of this name is in a.yaml:1:7, too\n    name: twin\n"),
            "{errors}"
        );
    }

    #[test]
    fn a_group_of_one_cluster_belongs_to_one_pipeline() {
        let a = text("a", "k1:9092,k2", "{ topics: [x], group: g }", "o");
        let b = text("b", "K2:9092", "{ topics: [y], group: g }", "o");
        let errors = checked(&[("a.yaml", &a), ("b.yaml", &b)]).unwrap_err();
        assert!(
            errors.starts_with("b.yaml:3:30: the consumer group \"g\" of this cluster is used in a.yaml:3:30, too"),
            "{errors}"
        );
        // By default a group has the pipeline's name.
        let named = text("g", "k1", "{ topics: [y] }", "o");
        assert!(
            checked(&[("a.yaml", &a), ("g.yaml", &named)]).unwrap_err().starts_with("g.yaml:1:7: the consumer group")
        );
        let with_protocol = text("b", "PLAINTEXT://K2", "{ topics: [y], group: g }", "o");
        assert!(checked(&[("a.yaml", &a), ("b.yaml", &with_protocol)]).unwrap_err().starts_with("b.yaml:3:30: "));
        let elsewhere = text("b", "other", "{ topics: [y], group: g }", "o");
        assert_eq!(checked(&[("a.yaml", &a), ("b.yaml", &elsewhere)]), Ok(()));
    }

    #[test]
    fn a_loop_over_several_files_is_refused_unless_all_allow_it() {
        let a = text("a", "k", "{ topics: [x] }", "y");
        let b = text("b", "k", "{ topics: [\"^y\"] }", "x");
        let errors = checked(&[("a.yaml", &a), ("b.yaml", &b)]).unwrap_err();
        assert!(
            errors.starts_with("a.yaml:4:30: outputs.default: \"y\" is read by b.yaml, and what comes of it"),
            "{errors}"
        );
        assert!(errors.contains("\n\nb.yaml:4:30: outputs.default: \"x\" is read by a.yaml"), "{errors}");
        let allowed = |text: &str| text.replace("topics", "allow_loop: true, topics");
        let one = checked(&[("a.yaml", &allowed(&a)), ("b.yaml", &b)]).unwrap_err();
        assert!(one.starts_with("b.yaml:4:30: ") && !one.contains("\n\n"), "{one}");
        assert_eq!(checked(&[("a.yaml", &allowed(&a)), ("b.yaml", &allowed(&b))]), Ok(()));
        assert_eq!(checked(&[("a.yaml", &a), ("b.yaml", &b.replace("servers: \"k\"", "servers: \"other\""))]), Ok(()));
    }

    #[test]
    fn a_loop_over_three_files_names_the_way() {
        let a = text("a", "k", "{ topics: [x] }", "y");
        let b = text("b", "k", "{ topics: [y] }", "z");
        let c = text("c", "k", "{ topics: [z] }", "x");
        let errors = checked(&[("a.yaml", &a), ("b.yaml", &b), ("c.yaml", &c)]).unwrap_err();
        assert!(
            errors.starts_with("a.yaml:4:30: outputs.default: \"y\" is read by b.yaml, then c.yaml, and"),
            "{errors}"
        );
        assert_eq!(checked(&[("a.yaml", &a), ("b.yaml", &b)]), Ok(()));
    }
}
