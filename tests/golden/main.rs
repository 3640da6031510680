//! The golden model: rows against float64, what the hardware keeps, sectors, real tensors, and cases, which notice every
//! wrong answer.

mod attention;
mod cases;
mod faults;
mod model;
mod sectors;
mod state;
