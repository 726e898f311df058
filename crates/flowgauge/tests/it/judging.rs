//! Online scoring through a whole program: a scripted upstream answers, and grades.

mod coverage;
mod model;
mod offline;
mod scene;
