//! Online scoring through a whole program: a scripted upstream answers, and grades.

mod model;
mod offline;
mod scene;
