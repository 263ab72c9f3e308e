extern int belfry_mail_placeholder;
int belfry_mail_placeholder;
