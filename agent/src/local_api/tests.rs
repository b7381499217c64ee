//! The API as a client sees it: a real store, and a show that only keeps its books.

mod alerts;
mod audit;
mod diagnostics;
mod document;
mod hostile;
mod link;
mod media;
mod resources;
mod running;
mod settings;
mod stage;
mod studio;

use stage::Stage;
