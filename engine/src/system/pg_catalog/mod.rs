//! PostgreSQL's catalogue with Redshift's columns: the union of what old and new clients ask for.

use crate::system::SystemTable;

mod pg_aggregate;
mod pg_am;
mod pg_attrdef;
mod pg_attribute;
mod pg_auth_members;
mod pg_authid;
mod pg_cast;
mod pg_class;
mod pg_collation;
mod pg_constraint;
mod pg_conversion;
mod pg_database;
mod pg_db_role_setting;
mod pg_default_acl;
mod pg_depend;
mod pg_description;
mod pg_enum;
mod pg_event_trigger;
mod pg_extension;
mod pg_foreign_data_wrapper;
mod pg_foreign_server;
mod pg_foreign_table;
mod pg_group;
mod pg_index;
mod pg_indexes;
mod pg_inherits;
mod pg_language;
mod pg_locks;
mod pg_matviews;
mod pg_namespace;
mod pg_opclass;
mod pg_operator;
mod pg_opfamily;
mod pg_partitioned_table;
mod pg_policy;
mod pg_proc;
mod pg_proc_info;
mod pg_publication;
mod pg_publication_namespace;
mod pg_publication_rel;
mod pg_range;
mod pg_rewrite;
mod pg_roles;
mod pg_rules;
mod pg_sequence;
mod pg_sequences;
mod pg_settings;
mod pg_shadow;
mod pg_shdescription;
mod pg_stat_activity;
mod pg_statistic;
mod pg_statistic_ext;
mod pg_stats;
mod pg_subscription;
mod pg_table_def;
mod pg_tables;
mod pg_tablespace;
mod pg_trigger;
mod pg_type;
mod pg_user;
mod pg_views;

/// The tables.
pub(super) const TABLES: [SystemTable; 61] = [
    pg_aggregate::TABLE,
    pg_am::TABLE,
    pg_attrdef::TABLE,
    pg_attribute::TABLE,
    pg_auth_members::TABLE,
    pg_authid::TABLE,
    pg_cast::TABLE,
    pg_class::TABLE,
    pg_collation::TABLE,
    pg_constraint::TABLE,
    pg_conversion::TABLE,
    pg_database::TABLE,
    pg_db_role_setting::TABLE,
    pg_default_acl::TABLE,
    pg_depend::TABLE,
    pg_description::TABLE,
    pg_enum::TABLE,
    pg_event_trigger::TABLE,
    pg_extension::TABLE,
    pg_foreign_data_wrapper::TABLE,
    pg_foreign_server::TABLE,
    pg_foreign_table::TABLE,
    pg_group::TABLE,
    pg_index::TABLE,
    pg_indexes::TABLE,
    pg_inherits::TABLE,
    pg_language::TABLE,
    pg_locks::TABLE,
    pg_matviews::TABLE,
    pg_namespace::TABLE,
    pg_opclass::TABLE,
    pg_operator::TABLE,
    pg_opfamily::TABLE,
    pg_partitioned_table::TABLE,
    pg_policy::TABLE,
    pg_proc::TABLE,
    pg_proc_info::TABLE,
    pg_publication::TABLE,
    pg_publication_namespace::TABLE,
    pg_publication_rel::TABLE,
    pg_range::TABLE,
    pg_rewrite::TABLE,
    pg_roles::TABLE,
    pg_rules::TABLE,
    pg_sequence::TABLE,
    pg_sequences::TABLE,
    pg_settings::TABLE,
    pg_shadow::TABLE,
    pg_shdescription::TABLE,
    pg_stat_activity::TABLE,
    pg_statistic::TABLE,
    pg_statistic_ext::TABLE,
    pg_stats::TABLE,
    pg_subscription::TABLE,
    pg_table_def::TABLE,
    pg_tables::TABLE,
    pg_tablespace::TABLE,
    pg_trigger::TABLE,
    pg_type::TABLE,
    pg_user::TABLE,
    pg_views::TABLE,
];
