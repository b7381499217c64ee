//! The API as a client sees it: a real store, and a show that only keeps its books.

mod alerts;
mod document;
mod hostile;
mod media;
mod resources;
mod running;
mod stage;
mod studio;

use stage::Stage;
