//! `sluice top`: the pipelines of a running daemon, and what they do, once a second.

mod frame;
mod terminal;

use std::io::Write as _;
use std::time::{Duration, Instant};

use hyper::Method;

use self::frame::{Frame, Sample};
use self::terminal::{Key, Terminal};
use super::control::Daemon;
use super::output::Output;
use crate::admin::api::{Pipeline, Pipelines};
use crate::admin::client::{AdminClient, escaped};

/// How often the daemon is asked.
const INTERVAL: Duration = Duration::from_secs(1);
/// Columns that are written where there is no terminal.
const WIDTH: usize = 120;

const EXAMPLES: &str = "\
Examples:
  sluice top
  sluice top --once --admin unix:/run/sluice.sock

Keys: up and down select a pipeline, p stops and starts the display, q quits";

/// Show the pipelines of a running daemon.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Top {
    /// Print once and end: rates are of one second
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    daemon: Daemon,
}

impl Top {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let client = self.daemon.client()?;
        if self.once {
            return once(&client);
        }
        let mut terminal = Terminal::open()?;
        let mut screen = Screen { client, before: None, now: None, selected: 0, stopped: false, trouble: None };
        let result = screen.run(&mut terminal);
        drop(terminal);
        result.map(|()| 0)
    }
}

fn once(client: &AdminClient) -> anyhow::Result<u8> {
    let before = sample(client, None)?;
    std::thread::sleep(INTERVAL);
    let now = sample(client, None)?;
    let mut out = Output::standard()?;
    let all = now.pipelines.len();
    let frames = (0..all.max(1)).map(|selected| Frame { before: Some(&before), now: &now, selected, width: WIDTH });
    for (number, frame) in frames.enumerate() {
        if number == 0 {
            frame.table().iter().try_for_each(|line| writeln!(out, "{}", line.trim_end()))?;
        }
        frame.details().iter().try_for_each(|line| writeln!(out, "{}", line.trim_end()))?;
    }
    out.flush()?;
    Ok(0)
}

/// Asks for all pipelines; in full for the one with this number, or for all.
fn sample(client: &AdminClient, selected: Option<usize>) -> anyhow::Result<Sample> {
    let Pipelines { pipelines } = client.ask(Method::GET, "/api/v1/pipelines")?;
    let wanted = pipelines.iter().enumerate().filter(|(number, _)| selected.is_none_or(|selected| selected == *number));
    let mut details = Vec::new();
    for (_, pipeline) in wanted {
        details.push(client.ask::<Pipeline>(Method::GET, &format!("/api/v1/pipelines/{}", escaped(&pipeline.name)))?);
    }
    Ok(Sample { at: Instant::now(), pipelines, details })
}

struct Screen {
    client: AdminClient,
    before: Option<Sample>,
    now: Option<Sample>,
    selected: usize,
    stopped: bool,
    // Why the daemon has not answered.
    trouble: Option<String>,
}

impl Screen {
    fn run(&mut self, terminal: &mut Terminal) -> anyhow::Result<()> {
        let mut due = Instant::now();
        loop {
            if !self.stopped && Instant::now() >= due {
                match sample(&self.client, Some(self.selected)) {
                    Ok(now) => (self.before, self.trouble) = (self.now.replace(now), None),
                    Err(error) if self.now.is_none() => return Err(error),
                    // It may be restarting.
                    Err(error) => self.trouble = Some(format!("{error:#}")),
                }
                due = Instant::now() + INTERVAL;
            }
            self.draw(terminal)?;
            let wait = if self.stopped { INTERVAL } else { due.saturating_duration_since(Instant::now()) };
            let count = self.now.as_ref().map_or(0, |now| now.pipelines.len());
            match terminal.key(wait)? {
                Some(Key::Quit) => return Ok(()),
                Some(Key::Up) => self.selected = self.selected.saturating_sub(1),
                Some(Key::Down) => self.selected = (self.selected + 1).min(count.saturating_sub(1)),
                Some(Key::Pause) => self.stopped = !self.stopped,
                None => continue,
            }
            // What was selected is shown at once.
            due = Instant::now();
        }
    }

    fn draw(&mut self, terminal: &mut Terminal) -> anyhow::Result<()> {
        let Some(now) = &self.now else { return Ok(()) };
        let (width, height) = terminal.size();
        self.selected = self.selected.min(now.pipelines.len().saturating_sub(1));
        let frame = Frame { before: self.before.as_ref(), now, selected: self.selected, width };
        let (table, details) = (frame.table(), frame.details());
        // The head of the table, the selected pipeline and its details have to be seen.
        let room = height.saturating_sub(details.len() + 2).max(2);
        let first = (self.selected + 2).saturating_sub(room);
        let shown = table.iter().take(1).chain(table.iter().skip(1 + first).take(room - 1));
        let mut lines: Vec<(String, bool)> = Vec::new();
        for (number, line) in shown.enumerate() {
            lines.push((line.clone(), number > 0 && first + number - 1 == self.selected));
        }
        lines.push((String::new(), false));
        lines.extend(details.into_iter().map(|line| (line, false)));
        lines.truncate(height.saturating_sub(1));
        let state = if self.stopped { "stopped" } else { "p stops" };
        let keys = format!("up/down select  {state}  q quits");
        terminal.draw(&lines, self.trouble.as_deref().unwrap_or(&keys))
    }
}
