//! Tables and pages for people and machines.
